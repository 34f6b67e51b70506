/**
 * One partition of a stream that is bound to a queue, an exchange or another stream: reads committed records and
 * publishes them.
 *
 *          onAdvance                        budget used up, or room again
 *   idle ───────────► queued ──run──► … ◄──────────────────────┐
 *    ▲                  │ │ │                                  │
 *    └── nothing more ──┘ │ └── read from disk, append ── waiting
 *                         └── target is full ─────────── blocked
 *
 * The cursor is a mark of the message store, set in the same turn as the messages are put, so a crash forgets both
 * or neither. The position of the mark is behind the last record that was published, never behind one that is still
 * on its way. Streams as targets have logs of their own: they get the record first, and the mark moves when it is
 * committed there, so after a crash they may get it twice.
 */
import { BrokerError } from '../errors.ts';
import type { Exchanges, Route } from '../exchange/exchanges.ts';
import { MessageDraft } from '../message/message-draft.ts';
import { groupOfKey } from '../message/message-group.ts';
import { NEUTRAL_FORMAT_ID, writeNeutral } from '../message/neutral-format.ts';
import type { Queue } from '../queue/queue.ts';
import type { StoredRecord } from '../record/record.ts';
import type { PumpContext, PumpCounters, PumpPlace, TurnBudget } from './pump-context.ts';
import { isFull } from './queue-room.ts';
import { RecordCursor } from './record-cursor.ts';
import { type WholeMessage, wholeMessage } from './record-message.ts';

/** A record that goes from stream to stream in a circle ends after so many rounds. */
const HOPS_MAX = 8;
const EMPTY: Buffer = Buffer.alloc(0);

type Step = 'more' | 'idle' | 'waiting' | 'blocked';

export class StreamPump {
  readonly place: PumpPlace;
  readonly counters: PumpCounters = { records: 0, unroutable: 0, skipped: 0 };
  readonly #context: PumpContext;
  readonly #cursor: RecordCursor;
  readonly #draft = new MessageDraft();
  readonly #stopListening: () => void;
  /** The names that the draft has. */
  #exchange: string | undefined;
  #routingKey: string | undefined;
  /** Read, but not published yet. */
  #held: StoredRecord | undefined;
  /** The streams have the held record. */
  #appended = false;
  /** Why they will never have it. */
  #refusal: BrokerError | undefined;
  #state: 'idle' | 'queued' | 'waiting' | 'blocked' | 'stopped' = 'idle';

  constructor(place: PumpPlace, context: PumpContext) {
    this.place = place;
    this.#context = context;
    this.#cursor = new RecordCursor(place.partition, place.position, { releases: true });
    this.#stopListening = place.partition.onAdvance(() => this.#onAdvance());
    if (this.#cursor.behind) this.resume();
  }

  /** The offset of the next record to be published. */
  get position(): number {
    return this.#held?.offset ?? this.#cursor.position;
  }

  get stopped(): boolean {
    return this.#state === 'stopped';
  }

  /** Gets in line again; also called by the timers of whoever has put it aside. */
  resume(): void {
    if (this.#state === 'stopped' || this.#state === 'queued') return;
    this.#state = 'queued';
    this.#context.wake(this);
  }

  /** Nothing is published any more. The mark stays where it is. */
  stop(): void {
    this.#state = 'stopped';
    this.#stopListening();
    this.#draft.clear();
  }

  /** Publishes within the budget. Called by the line, when it is this pump's turn. */
  run(budget: TurnBudget): void {
    if (this.#state !== 'queued') return;
    this.#state = 'idle';
    try {
      this.#run(budget);
    } catch (error: unknown) {
      this.#fail(error);
    }
  }

  #run(budget: TurnBudget): void {
    let step: Step = 'more';
    while (step === 'more' && budget.records > 0 && budget.bytes > 0) step = this.#step(budget);
    this.counters.skipped = this.#cursor.skipped;
    if (step === 'more') this.resume();
    else if (step === 'blocked') {
      this.#state = 'blocked';
      this.#context.wakeLater(this);
    } else if (step === 'waiting') this.#state = 'waiting';
  }

  #step(budget: TurnBudget): Step {
    this.#held ??= this.#cursor.next();
    if (this.#held === undefined) return this.#load();
    const record = this.#held;
    const whole = wholeMessage(record, this.place.exchange);
    const step = this.#tryToPublish(record, whole);
    if (step !== 'more') return step;
    budget.records -= 1;
    budget.bytes -= (record.key?.length ?? 0) + (record.value?.length ?? 0);
    this.#done();
    return 'more';
  }

  #load(): Step {
    const loaded = this.#cursor.load();
    if (loaded instanceof Promise) return this.#wait(loaded);
    return loaded ? 'more' : 'idle';
  }

  /** A record that its target will never take must not hold up those behind it. */
  #tryToPublish(record: StoredRecord, whole: WholeMessage): Step {
    try {
      return this.#refusal === undefined ? this.#publish(record, whole) : this.#drop(this.#refusal);
    } catch (error: unknown) {
      if (isFinal(error)) return this.#drop(error);
      throw error;
    }
  }

  #drop(refusal: BrokerError): Step {
    this.#refusal = undefined;
    this.counters.unroutable += 1;
    this.#context.dropped(this, refusal);
    return 'more';
  }

  #publish(record: StoredRecord, whole: WholeMessage): Step {
    const { destination, destinationKind, namespace } = this.place;
    const { queues, exchanges } = this.#context;
    // What is not there is about to be unbound.
    if (destinationKind === 'stream') return this.#toStreams(record, whole, [destination]);
    if (destinationKind === 'queue') {
      const queue = queues.get(namespace, destination);
      if (queue === undefined || queue.id !== this.place.queueId) return 'idle';
      return this.#toQueue(record, whole, queue);
    }
    const exchange = exchanges.get(namespace, destination);
    if (exchange === undefined) return 'idle';
    const route = exchanges.route(exchange, [whole.routingKey], factsOf(whole, record.value));
    return this.#toRoute(record, whole, route);
  }

  #toQueue(record: StoredRecord, whole: WholeMessage, queue: Queue): Step {
    if (isFull(queue, record.value?.length ?? 0)) return 'blocked';
    const draft = this.#fill(record, whole);
    draft.groupId = groupFor([queue], record);
    const refused = this.#context.queues.publish(draft, [queue]);
    if (refused > 0) this.counters.unroutable += 1;
    return 'more';
  }

  #toRoute(record: StoredRecord, whole: WholeMessage, route: Route): Step {
    const bodyBytes = record.value?.length ?? 0;
    if (route.queues.some((queue) => isFull(queue, bodyBytes))) return 'blocked';
    const step = this.#toStreams(record, whole, route.streams);
    if (step !== 'more') return step;
    const withoutStreams = route.streams.length === 0 ? route : { ...route, streams: [] };
    const draft = this.#fill(record, whole);
    draft.groupId = groupFor(route.queues, record);
    const reached = this.#context.publisher.publish(draft, withoutStreams);
    if (reached <= 0 && route.streams.length === 0) this.counters.unroutable += 1;
    return 'more';
  }

  /** `more` once they have it. */
  #toStreams(record: StoredRecord, whole: WholeMessage, names: readonly string[]): Step {
    if (this.#appended || names.length === 0) return 'more';
    const hops = (whole.hops ?? 0) + 1;
    const { streamName } = this.place.partition;
    // Never into the stream it was read from: that would not end.
    const others = hops > HOPS_MAX ? [] : names.filter((name) => name !== streamName);
    if (others.length < names.length) this.counters.unroutable += 1;
    if (others.length === 0) return 'more';
    const draft = this.#fill(record, whole);
    const next = { ...whole, hops };
    const appends = others.map((name) => this.#context.target.appendWhole(name, next, draft));
    return this.#wait(
      Promise.all(appends).then(
        () => {
          this.#appended = true;
        },
        (error: unknown) => {
          if (!isFinal(error)) throw error;
          this.#refusal = error;
        },
      ),
    );
  }

  /** The record is with all its targets, or on its way in the batch of this turn: so is the mark. */
  #done(): void {
    const { mark } = this.place;
    this.#held = undefined;
    this.#appended = false;
    this.counters.records += 1;
    if (mark !== undefined) this.#context.queues.store.setMark(mark, this.#cursor.position);
  }

  #fill(record: StoredRecord, whole: WholeMessage): MessageDraft {
    const draft = this.#draft;
    const { message } = whole;
    draft.format = NEUTRAL_FORMAT_ID;
    // The cursor will not come back, so what it has read must last as long as the cursor itself.
    draft.persistent = this.place.mark !== undefined;
    draft.priority = message.priority ?? 0;
    draft.publishedMs = this.#context.clock.nowMs();
    draft.history = whole.history;
    this.#name(draft, whole);
    draft.setContent(writeNeutral(message), record.value ?? EMPTY);
    return draft;
  }

  /** Keys often repeat, and names are bytes that have to be made. */
  #name(draft: MessageDraft, { exchange, routingKey }: WholeMessage): void {
    if (exchange === this.#exchange && routingKey === this.#routingKey) return;
    draft.setNames(exchange, routingKey);
    this.#exchange = exchange;
    this.#routingKey = routingKey;
  }

  #wait(work: Promise<unknown>): Step {
    work.then(
      () => {
        if (this.#state === 'waiting') this.resume();
      },
      (error: unknown) => this.#fail(error),
    );
    return 'waiting';
  }

  #fail(error: unknown): void {
    if (this.#state === 'stopped') return;
    this.#state = 'blocked';
    this.#context.failed(this, error);
  }

  #onAdvance(): void {
    if (this.#state === 'idle') this.resume();
  }
}

function isFinal(error: unknown): error is BrokerError {
  if (!(error instanceof BrokerError)) return false;
  return error.code === 'message-too-large' || error.code === 'invalid-request';
}

function factsOf({ message }: WholeMessage, body = EMPTY): Parameters<Exchanges['route']>[2] {
  return {
    headers: () => new Map(message.headers.map(({ name, value }) => [name, value])),
    property: (name) => {
      if (name === 'message-id') return message.messageId;
      if (name === 'correlation-id') return message.correlationId;
      return message.timestampMs === undefined ? undefined : String(message.timestampMs);
    },
    body: (bytesMax) => (body.length > bytesMax ? undefined : body),
    dueMs: 0,
  };
}

/** Queues that keep the order of keys keep that of the records. */
function groupFor(queues: readonly Queue[], { key }: StoredRecord): string | undefined {
  if (key === undefined || !queues.some(isGrouped)) return undefined;
  return groupOfKey(key.toString('utf8'));
}

function isGrouped({ definition }: Queue): boolean {
  return definition.settings.groups === true;
}

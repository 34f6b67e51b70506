/** Collects what a handler wants, on a copy of the saga: nothing takes effect before the whole is saved. */
import type { Client } from '../../client/client.ts';
import { requireCapability } from '../../driver/require-capability.ts';
import { PolymqError } from '../../errors.ts';
import { type Duration, durationMs } from '../../lib/duration.ts';
import { decodeData } from '../../message/codec.ts';
import { AROUND_SEND, ENCODE, type Encodes } from '../../message/encodes.ts';
import type { OutgoingMessage } from '../../message/wire-message.ts';
import type { Queue } from '../../queue/queue.ts';
import type { Topic } from '../../topic/topic.ts';
import type { SagaRecord, StoredCompensation, StoredSend } from './saga-record.ts';
import type {
  CompensationOptions,
  MessageKind,
  SagaContext,
  SagaSendOptions,
  SagaStatus,
} from './saga-types.ts';

export const TIMEOUT_TYPE = 'polymq-saga-timeout';

export interface TimeoutData {
  readonly id: string;
  readonly name: string;
  readonly token: string;
}

export interface SagaPlace {
  readonly mq: Client;
  readonly saga: string;
  /** Where timeouts come back to. */
  readonly queue: Queue;
}

/** Anything that was asked for and needs a promise: encoding, and the place being declared. */
type Work = () => Promise<void>;

export class CollectingContext<State> implements SagaContext<State> {
  readonly id: string;
  state: State;
  readonly #place: SagaPlace;
  readonly #cause: string;
  readonly #seen: readonly string[];
  #status: SagaStatus;
  readonly #outbox: StoredSend[];
  readonly #compensations: StoredCompensation[];
  readonly #timeouts: Record<string, string>;
  #awaiting: string | undefined;
  #made: number;
  readonly #work: Work[] = [];

  constructor(place: SagaPlace, id: string, record: SagaRecord, cause: string) {
    this.#place = place;
    this.id = id;
    this.#cause = cause;
    this.state = structuredClone(record.state) as State;
    this.#seen = record.seen;
    this.#status = record.status;
    this.#outbox = [...record.outbox];
    this.#compensations = [...record.compensations];
    this.#timeouts = { ...record.timeouts };
    this.#awaiting = record.awaiting;
    this.#made = record.made;
  }

  get status(): SagaStatus {
    return this.#status;
  }

  get ended(): boolean {
    return this.#status === 'completed' || this.#status === 'compensated';
  }

  send(queue: Queue | string, data: unknown, options: SagaSendOptions = {}): void {
    const id = this.#nextId();
    this.#later(async () => {
      this.#outbox.push(await this.#encode('queue', queue, data, id, options));
    });
  }

  publish(topic: Topic | string, data: unknown, options: SagaSendOptions = {}): void {
    const id = this.#nextId();
    this.#later(async () => {
      this.#outbox.push(await this.#encode('topic', topic, data, id, options));
    });
  }

  timeout(name: string, after: Duration): void {
    requireCapability(this.#place.mq.driver, 'delay');
    durationMs(after, `the timeout "${name}"`);
    const token = this.#nextId();
    this.#timeouts[name] = token;
    const data: TimeoutData = { id: this.id, name, token };
    const options = { type: TIMEOUT_TYPE, delay: after };
    this.#later(async () => {
      this.#outbox.push(await this.#encode('queue', this.#place.queue, data, token, options));
    });
  }

  cancelTimeout(name: string): void {
    delete this.#timeouts[name];
  }

  compensateWith(queue: Queue | string, data: unknown, options: CompensationOptions = {}): void {
    const id = this.#nextId();
    const { confirmedBy, ...send } = options;
    this.#later(async () => {
      this.#compensations.push({
        ...(await this.#encode('queue', queue, data, id, send)),
        ...(confirmedBy !== undefined && { confirmedBy: kindName(confirmedBy) }),
      });
    });
  }

  compensate(): void {
    if (!this.ended) this.#status = 'compensating';
  }

  complete(): void {
    // A success that comes late must not keep what is being undone from being undone to its end.
    if (this.#status === 'running') this.#status = 'completed';
  }

  /** True if the timeout is still meant; it is over then. */
  takeTimeout({ name, token }: TimeoutData): boolean {
    if (this.#timeouts[name] !== token) return false;
    delete this.#timeouts[name];
    return true;
  }

  /** A message of the kind has come: it may be what the compensation under way waits for. */
  confirm(kind: string): void {
    if (this.#awaiting === kind) this.#awaiting = undefined;
  }

  /**
   * After the handler: encodes what it wanted and sends the compensations that are due, the last one first. True if the last compensation is done
   * with this step.
   */
  async settle(): Promise<boolean> {
    for (const work of this.#work.splice(0)) await work();
    if (this.#status !== 'compensating') return false;
    while (this.#awaiting === undefined) {
      const next = this.#compensations.pop();
      if (next === undefined) {
        this.#status = 'compensated';
        return true;
      }
      const { confirmedBy, ...send } = next;
      this.#outbox.push(send);
      this.#awaiting = confirmedBy;
    }
    return false;
  }

  /** The saga as it is to be saved. */
  record(remember: number): SagaRecord {
    return {
      status: this.#status,
      state: this.state,
      seen: [...this.#seen, this.#cause].slice(-remember),
      outbox: this.#outbox,
      made: this.#made,
      compensations: this.ended ? [] : this.#compensations,
      awaiting: this.ended ? undefined : this.#awaiting,
      timeouts: this.ended ? {} : this.#timeouts,
    };
  }

  #later(work: Work): void {
    this.#work.push(work);
  }

  #nextId(): string {
    this.#made += 1;
    return `${this.#place.saga}/${this.id}/${this.#made}`;
  }

  async #encode(
    to: 'queue' | 'topic',
    target: Queue | Topic | string,
    data: unknown,
    id: string,
    options: SagaSendOptions,
  ): Promise<StoredSend> {
    const { mq } = this.#place;
    const named = typeof target === 'string';
    const place = named ? (to === 'queue' ? mq.queue(target) : mq.topic(target)) : target;
    await place.ready();
    // The saga itself waits before it publishes: topics know no delay.
    const { delay, ...write } = options;
    const message = await encodeFor(place, data, {
      ...write,
      ...(to === 'queue' && delay !== undefined && { delay }),
      id,
      correlationId: options.correlationId ?? this.id,
    });
    const nowMs = mq.clock.nowMs();
    const delayMs = delay === undefined ? 0 : durationMs(delay, 'delay');
    const dedupes = to === 'queue' && mq.driver.capabilities.dedupe !== false;
    return {
      ...{ to, name: place.name, id, madeMs: nowMs },
      body: Buffer.from(message.body).toString('base64'),
      contentType: message.contentType,
      headers: message.headers,
      ...(message.type !== undefined && { type: message.type }),
      ...(message.key !== undefined && { key: message.key }),
      ...(message.correlationId !== undefined && { correlationId: message.correlationId }),
      ...(delayMs > 0 && { dueMs: nowMs + delayMs }),
      ...(dedupes && { dedupe: id }),
    };
  }
}

/** As the queue or topic itself would send it, with its own contracts and interceptors, which take this for the sending. */
async function encodeFor(
  place: Queue | Topic,
  data: unknown,
  options: SagaSendOptions & { id: string },
): Promise<OutgoingMessage> {
  if (!isOfClient(place)) {
    const { name } = place as { name?: unknown };
    throw new PolymqError('invalid-argument', `"${name}" is no queue or topic of a client`);
  }
  const message = await encoded(place, data, options);
  // The trace is that of the message at hand; whoever sends the outbox may be at another one by then.
  await place[AROUND_SEND](message, async () => undefined);
  return message;
}

async function encoded(
  place: Encodes<unknown, object>,
  data: unknown,
  { type, headers, ...rest }: SagaSendOptions & { id: string },
): Promise<OutgoingMessage> {
  if (typeof type !== 'object') {
    return place[ENCODE](data, { ...rest, ...(type && { type }), ...(headers && { headers }) });
  }
  const { body, contentType, headers: own } = await type.encode(data as never);
  const write = { ...rest, type: type.name, headers: { ...own, ...headers } };
  return place[ENCODE](decodeData(body, contentType), write);
}

function isOfClient<P extends Queue | Topic>(place: P): place is P & Encodes<unknown, object> {
  return typeof place === 'object' && place !== null && ENCODE in place;
}

export function kindName(kind: MessageKind): string {
  return typeof kind === 'string' ? kind : kind.name;
}

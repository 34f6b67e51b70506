/**
 * Sends on what dies in queues. Messages wait in one line for all queues, so that one that dies while another is sent on
 * does not deepen the stack, and a million that expire together are sent over many turns of the event loop.
 *
 *   die ─► line ─► in memory? ── yes ─► put to the targets ─► removed from its queue, in the same turn
 *            ▲         └── no ─► load ─┐
 *            └─────────────────────────┘
 *
 * The targets get the message before its queue loses it; a crash in between leaves it in both or, as both are in one
 * batch, in none.
 */
import type { Clock, Timers } from '../../lib/environment/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { DeathReason } from '../message/history.ts';
import { MessageDraft } from '../message/message-draft.ts';
import type { MessageWishes } from '../message/message-format.ts';
import type { CoreQueue } from './core-queue.ts';
import {
  type DeadLetterAddress,
  draftDeadLetter,
  draftRefused,
  isCycle,
  type ReadWishes,
} from './death.ts';
import type { MessageStore } from './message-store.ts';
import type { Queue } from './queue.ts';
import type { QueueCounters } from './queue-counters.ts';
import type { DeadLetterRouter } from './queues.ts';

/** Dead letters sent on before others get their turn of the event loop. */
const TURN_MAX = 1000;
/** A chain of queues, each of which refuses the dead letter of the one before, ends here. */
const REFUSALS_DEEP_MAX = 16;

const REASONS: readonly DeathReason[] = ['rejected', 'expired', 'maxlen', 'delivery_limit'];

export interface DeadLettersOptions {
  store: MessageStore;
  clock: Clock;
  timers: Timers;
  logger: Logger;
  counters: QueueCounters;
  /** The queue of a row; undefined if it is deleted. */
  queueOf: (row: number) => CoreQueue | undefined;
  /** Ends a message of a queue that is deleted, and frees its row. */
  remove: (row: number) => void;
  publish: (draft: MessageDraft, queues: readonly Queue[]) => number;
}

const STREAM_REFUSED = 'a stream did not take a dead letter: it is dropped';

export class DeadLetters {
  readonly #options: DeadLettersOptions;
  readonly #draft: MessageDraft = new MessageDraft();
  /** Rows and the indexes of their reasons. */
  #line: number[] = [];
  #at = 0;
  /** Somebody works on the line, or will; nobody else shall. */
  #busy = true;
  #refusalsDeep = 0;
  router: DeadLetterRouter | undefined;
  readWishes: ReadWishes | undefined;

  constructor(options: DeadLettersOptions) {
    this.#options = options;
  }

  /** Dead letters that wait for their turn. */
  get waiting(): number {
    return (this.#line.length - this.#at) / 2;
  }

  /** There is somebody who routes them. What has died before was kept. */
  start(): void {
    this.#work();
  }

  add(row: number, reason: DeathReason): void {
    this.#line.push(row, REASONS.indexOf(reason));
    if (!this.#busy) this.#work();
  }

  /** Sends on a message that its queue did not take. */
  addRefused(queue: CoreQueue, refused: MessageDraft): void {
    if (this.#refusalsDeep === REFUSALS_DEEP_MAX) return;
    const properties = refused.content.subarray(
      refused.contentStart,
      refused.contentStart + refused.propertiesBytes,
    );
    const draft = new MessageDraft();
    const wishes = this.#wishes(refused.format, properties);
    const death = {
      queue: queue.name,
      reason: 'maxlen',
      nowMs: this.#options.clock.nowMs(),
    } as const;
    const address = draftRefused(draft, refused, death, queue.definition.settings, wishes);
    this.#refusalsDeep += 1;
    try {
      // The publisher is told that the queue refused it, whatever becomes of the dead letter.
      this.#send(queue.namespace, address, draft)?.catch((error: unknown) =>
        this.#options.logger.error({ queue: queue.name, error }, STREAM_REFUSED),
      );
    } finally {
      this.#refusalsDeep -= 1;
    }
  }

  #work(): void {
    this.#busy = true;
    for (let count = 0; this.#at < this.#line.length; count++) {
      const row = this.#line[this.#at]!;
      const queue = this.#options.queueOf(row);
      if (queue !== undefined && !this.#options.store.locate(row)) {
        this.#load(row);
        return;
      }
      if (count === TURN_MAX) {
        this.#options.timers.immediate(() => this.#work());
        return;
      }
      const reason = REASONS[this.#line[this.#at + 1]!]!;
      this.#at += 2;
      if (queue === undefined) this.#drop(row);
      else this.#sendRow(queue, row, reason);
    }
    this.#line = [];
    this.#at = 0;
    this.#busy = false;
  }

  /** The row is the first of the line. */
  #load(row: number): void {
    const { store, logger } = this.#options;
    store
      .load(row)
      .catch((error: unknown) => logger.error({ error }, 'a dead letter could not be read'))
      .then(() => {
        const queue = this.#options.queueOf(row);
        if (queue !== undefined && !store.locate(row)) this.#lose(queue, row);
        this.#work();
      })
      .catch((error: unknown) => logger.error({ error }, 'dead letters have stopped'));
  }

  /** What is not in memory although it was loaded cannot be read any more. */
  #lose(queue: CoreQueue, row: number): void {
    const { counters, logger } = this.#options;
    logger.error({ queue: queue.name }, 'a dead letter cannot be read any more and is dropped');
    counters.lost += 1;
    this.#at += 2;
    queue.forgetDead(row);
  }

  /** The store's view is at the row. */
  #sendRow(queue: CoreQueue, row: number, reason: DeathReason): void {
    const { store, clock } = this.#options;
    const { view } = store;
    const wishes = this.#wishes(view.format, view.properties);
    const draft = this.#draft;
    draft.priority = wishes.priority ?? store.rows.page(row).priority[store.rows.index(row)]!;
    draft.groupId = queue.groupIdOf(row);
    const death = { queue: queue.name, reason, nowMs: clock.nowMs() };
    const address = draftDeadLetter(draft, view, death, queue.definition.settings, wishes);
    const hold = store.hold();
    let streams: Promise<void> | undefined;
    try {
      streams = this.#send(queue.namespace, address, draft);
    } finally {
      store.release(hold);
      draft.clear();
    }
    if (streams === undefined) queue.forgetDead(row);
    else this.#forgetAfter(streams, queue, row);
  }

  /** A stream is another log: the message stays here until it is safe there. */
  #forgetAfter(streams: Promise<void>, queue: CoreQueue, row: number): void {
    const { logger } = this.#options;
    streams
      .catch((error: unknown) => {
        logger.error({ queue: queue.name, error }, STREAM_REFUSED);
      })
      .then(() => queue.forgetDead(row))
      .catch((error: unknown) => logger.error({ error }, 'a dead letter was not removed'));
  }

  /** Returns what streams owe for it. */
  #send(
    namespace: string,
    { exchange, routingKeys }: DeadLetterAddress,
    draft: MessageDraft,
  ): Promise<void> | undefined {
    const { counters, publish } = this.#options;
    const route = this.router?.(namespace, exchange, routingKeys, draft);
    const history = draft.history ?? [];
    const targets = (route?.queues ?? []).filter(({ name }) => !isCycle(name, history));
    if (targets.length === 0 && route?.streams === undefined) {
      counters.dropped += 1;
      return undefined;
    }
    counters.deadLettered += 1;
    if (targets.length > 0) publish(draft, targets);
    return route?.streams;
  }

  #drop(row: number): void {
    this.#options.counters.dropped += 1;
    this.#options.remove(row);
  }

  #wishes(format: number, properties: Buffer): MessageWishes {
    return this.readWishes?.(format, properties) ?? {};
  }
}

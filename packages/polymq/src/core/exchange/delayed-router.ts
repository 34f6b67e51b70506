/**
 * Routes the messages of one delayed exchange when their time has come: it consumes the exchange's waiting queue.
 * A message is put into its queues before it is acknowledged here, in the same turn, so both are in one batch of the
 * journal: it is neither lost nor doubled. Where streams are among its destinations, it is acknowledged when they
 * have it; after a crash in between they get it again.
 *
 *   waiting queue ── due ──► deliver ─► route by the bindings of now ─► publish ─► ack
 *
 * How long a message may wait for a consumer counts from when it is due, so it has waited with that much more
 * (`ExchangePublisher`), and the rest is read off its row.
 */
import type { Clock } from '../../lib/environment/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { MessageView } from '../message/message-bytes.ts';
import { MessageDraft } from '../message/message-draft.ts';
import type { MessageFormats } from '../message/message-formats.ts';
import type { Queue, QueueConsumer } from '../queue/queue.ts';
import type { Queues } from '../queue/queues.ts';
import { DraftFacts, routingKeysOf } from './draft-facts.ts';
import type { LiveExchange } from './live-exchange.ts';
import type { ExchangePublisher } from './publisher.ts';
import { fillDraft } from './replayed-draft.ts';
import type { RouteFinder } from './route-finder.ts';

/** With more than this on its way to the disk, due messages wait. */
const UNCOMMITTED_BYTES_MAX: number = 8 * 1024 * 1024;
/** A message that could not be routed comes again after so long. */
const RETRY_MS = 10_000;
/** Messages that streams have not confirmed yet. */
const STREAMING_MAX = 1000;

export interface DelayedRouterOptions {
  queues: Queues;
  finder: RouteFinder;
  publisher: ExchangePublisher;
  formats: MessageFormats;
  clock: Clock;
  logger: Logger;
  /** To be resumed after the next commit. */
  paused: Set<DelayedRouter>;
}

export class DelayedRouter implements QueueConsumer {
  readonly noAck = false;
  readonly #options: DelayedRouterOptions;
  readonly #exchange: LiveExchange;
  readonly #queue: Queue;
  readonly #draft = new MessageDraft();
  #streaming = 0;

  constructor(options: DelayedRouterOptions, exchange: LiveExchange, queue: Queue) {
    this.#options = options;
    this.#exchange = exchange;
    this.#queue = queue;
  }

  ready(): boolean {
    if (this.#streaming >= STREAMING_MAX) return false;
    const { queues, paused } = this.#options;
    if (queues.store.uncommittedBytes <= UNCOMMITTED_BYTES_MAX) return true;
    paused.add(this);
    return false;
  }

  /** There may be room again. */
  resume(): void {
    if (!this.#queue.deleted) this.#queue.resume(this);
  }

  deliver(queue: Queue, row: number, view: MessageView): void {
    const { queues, finder, publisher, formats } = this.#options;
    const draft = this.#draft;
    const hold = queues.store.hold();
    try {
      fillDraft(draft, view);
      this.#fillFromRow(draft, row);
      const facts = new DraftFacts(formats, draft, 0);
      const route = finder.routeDue(this.#exchange, routingKeysOf(formats, draft), facts);
      publisher.publish(draft, route);
    } catch (error: unknown) {
      this.#fail(queue, row, error);
      return;
    } finally {
      draft.clear();
      queues.store.release(hold);
    }
    const streams = publisher.streamsPending();
    if (streams === undefined) queue.ack(row);
    else void this.#ackAfter(streams, queue, row);
  }

  onCancelled(): void {}

  /** Priority and time to live are beside the message. */
  #fillFromRow(draft: MessageDraft, row: number): void {
    const { rows } = this.#options.queues.store;
    const page = rows.page(row);
    const index = rows.index(row);
    draft.priority = page.priority[index]!;
    const expiresMs = page.expiresMs[index]!;
    if (expiresMs > 0) draft.ttlMs = Math.max(0, expiresMs - this.#options.clock.nowMs());
  }

  async #ackAfter(streams: Promise<void>, queue: Queue, row: number): Promise<void> {
    this.#streaming += 1;
    try {
      await streams;
    } catch (error: unknown) {
      this.#options.logger.warn(
        { exchange: this.#exchange.name, error },
        'a stream has not taken a delayed message',
      );
    } finally {
      this.#streaming -= 1;
    }
    if (!queue.deleted) queue.ack(row);
    this.resume();
  }

  /** Such as one whose protocol this broker was started without: it is kept, and tried again. */
  #fail(queue: Queue, row: number, error: unknown): void {
    this.#options.logger.error(
      { exchange: this.#exchange.name, error },
      'a delayed message cannot be routed now; it is tried again later',
    );
    queue.requeue(row, { untouched: true, delayMs: RETRY_MS });
  }
}

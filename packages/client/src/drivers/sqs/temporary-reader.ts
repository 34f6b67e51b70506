/**
 * Reads a temporary queue to one reader, in the order in which the engine hands it out: the next messages are fetched while the last ones are being
 * read and deleted, no sooner. They are deleted when they come: the queue ends with its reader, so nobody else could have them again.
 */
import { PolymqError } from '../../errors.ts';
import type { Aws } from './aws.ts';
import type { SqsDelivery } from './delivery.ts';
import { BATCH_ENTRIES_MAX } from './limits.ts';
import { fetchOnce } from './receive.ts';
import type { Settler } from './settle.ts';
import { pause, type TemporaryQueue } from './temporary-queues.ts';

const LEASE_MS = 30_000;

export interface ReaderParts {
  readonly aws: Aws;
  readonly settler: Settler;
  readonly queue: TemporaryQueue;
  readonly pollMs: number;
  read(deliveries: readonly SqsDelivery[]): void | Promise<void>;
  /** The engine has lost the queue (a restart in memory): makes it again, with what leads to it. */
  renew(): Promise<void>;
  ended(error: PolymqError): void;
}

export class TemporaryReader {
  readonly #parts: ReaderParts;
  readonly #closing = new AbortController();
  readonly #done: Promise<void>;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
    this.#done = this.#run();
  }

  /** With its queue. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#done;
    await this.#parts.queue.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    let reading = Promise.resolve();
    while (!signal.aborted) {
      const deliveries = await this.#fetch();
      await reading;
      if (signal.aborted || deliveries.length === 0) continue;
      reading = this.#read(deliveries);
      await this.#delete(deliveries);
    }
  }

  /** Never rejects: a reader that throws is its own affair. */
  async #read(deliveries: readonly SqsDelivery[]): Promise<void> {
    try {
      await this.#parts.read(deliveries);
    } catch {}
  }

  /** Never rejects: what is not deleted comes twice. */
  async #delete(deliveries: readonly SqsDelivery[]): Promise<void> {
    const { settler } = this.#parts;
    await Promise.allSettled(deliveries.map((delivery) => settler.delete(delivery)));
  }

  async #fetch(): Promise<SqsDelivery[]> {
    const { aws, queue, pollMs } = this.#parts;
    const { signal } = this.#closing;
    const place = { name: queue.name, url: queue.url, fifo: false };
    try {
      const fetch = { max: BATCH_ENTRIES_MAX, waitMs: pollMs, leaseMs: LEASE_MS, signal };
      return await fetchOnce(aws, place, fetch);
    } catch (error) {
      if (!signal.aborted) await this.#recover(error);
      return [];
    }
  }

  async #recover(error: unknown): Promise<void> {
    const { aws, renew } = this.#parts;
    try {
      if (!(error instanceof PolymqError) || error.code !== 'not-found') throw error;
      await renew();
    } catch (failure) {
      const isOver = failure instanceof PolymqError && !failure.retryable;
      if (isOver) {
        this.#closing.abort();
        this.#parts.ended(failure);
      } else await pause(aws, this.#closing.signal);
    }
  }
}

/** A subscriber of a topic: every partition, those that are added later from their beginning, and no group. */
import type { TopicSink, TopicSubscription } from '../../driver/driver.ts';
import { sleep } from '../../lib/clock.ts';
import { Reader } from './reader.ts';
import type { Wire } from './wire.ts';

/** How long a new partition may go unnoticed. */
const GROWTH_MS = 5_000;

export class TopicReader implements TopicSubscription {
  /** Resolves when it is over. */
  readonly closed: Promise<void>;
  readonly #wire: Wire;
  readonly #reader: Reader;
  readonly #topic: string;
  #partitions: number;
  #closed!: () => void;

  constructor(wire: Wire, topic: string, positions: ReadonlyMap<number, number>, sink: TopicSink) {
    this.closed = new Promise((resolve) => {
      this.#closed = resolve;
    });
    this.#wire = wire.another();
    this.#topic = topic;
    this.#partitions = positions.size;
    this.#reader = new Reader(this.#wire, {
      deliver: (_, records) => sink.deliver(records),
      failed: (_, error) => {
        void this.close();
        sink.ended(error);
      },
    });
    for (const [partition, offset] of positions) this.#reader.add(topic, partition, offset);
    void this.#watch();
  }

  async close(): Promise<void> {
    await this.#reader.close();
    this.#closed();
  }

  async #watch(): Promise<void> {
    while (!this.#wire.closed) {
      await sleep(this.#wire.options.clock, GROWTH_MS, this.#wire.signal);
      if (this.#wire.closed) return;
      const metadata = await this.#wire.metadata([this.#topic]).catch(() => undefined);
      const count = metadata?.topics.get(this.#topic)?.partitionsCount ?? this.#partitions;
      for (let added = this.#partitions; added < count; added += 1) {
        this.#reader.add(this.#topic, added, 0);
      }
      this.#partitions = Math.max(this.#partitions, count);
    }
  }
}

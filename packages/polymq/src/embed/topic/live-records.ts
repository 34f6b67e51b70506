import { PolymqError, type TopicRecord, warn } from '@polymq/client/driver';

const RECORDS_MAX = 10_000;
const BYTES_MAX = 64 << 20;
/** Handed on at once; the rest can still make room meanwhile. */
const RECORDS_AT_ONCE = 500;

/**
 * What waits for a live subscriber that is slow, for publishers do not wait. When it is too much, the oldest are dropped; the first
 * time, the process is warned. `dropped` counts them.
 */
export class LiveRecords {
  dropped = 0;
  readonly #topic: string;
  #records: TopicRecord[] = [];
  #bytes = 0;

  constructor(topic: string) {
    this.#topic = topic;
  }

  get count(): number {
    return this.#records.length;
  }

  add(record: TopicRecord): void {
    this.#records.push(record);
    this.#bytes += record.body.length;
    if (this.#records.length > RECORDS_MAX || this.#bytes > BYTES_MAX) this.#drop();
  }

  /** The oldest. */
  take(): TopicRecord[] {
    const taken = this.#records.splice(0, RECORDS_AT_ONCE);
    for (const { body } of taken) this.#bytes -= body.length;
    return taken;
  }

  clear(): void {
    this.#records = [];
    this.#bytes = 0;
  }

  /** A tenth at a time, so that dropping one by one does not move the whole list each time. */
  #drop(): void {
    const gone = this.#records.splice(0, Math.ceil(this.#records.length / 10));
    for (const { body } of gone) this.#bytes -= body.length;
    const first = this.dropped === 0;
    this.dropped += gone.length;
    if (!first) return;
    const text =
      `a subscriber of the live topic "${this.#topic}" is too slow: its oldest ${gone.length} messages are dropped, and more will be; ` +
      'let the handler return sooner, raise its concurrency, or store the topic (without `live`)';
    warn(new PolymqError('queue-full', text));
  }
}

import type { TopicSink } from '../../driver/driver.ts';
import { PolymqError } from '../../errors.ts';
import { warn } from '../../lib/describe.ts';
import type { TopicRecord } from '../../message/wire-message.ts';

const RECORDS_MAX = 10_000;
const BYTES_MAX = 64 * 1024 * 1024;
const RECORDS_AT_ONCE = 500;

/**
 * What waits for a handler that is busy: Redis does not wait. When it is too much, the oldest are dropped, as Redis itself
 * would when it cuts off a slow client; the first time, the process is warned. `dropped` counts them.
 */
export class LiveBuffer {
  dropped = 0;
  readonly #name: string;
  readonly #sink: Pick<TopicSink, 'deliver'>;
  #records: TopicRecord[] = [];
  #bytes = 0;
  #busy = false;
  #closed = false;

  constructor(name: string, sink: Pick<TopicSink, 'deliver'>) {
    this.#name = name;
    this.#sink = sink;
  }

  add(record: TopicRecord): void {
    if (this.#closed) return;
    this.#records.push(record);
    this.#bytes += record.body.length;
    if (this.#records.length > RECORDS_MAX || this.#bytes > BYTES_MAX) this.#drop();
    if (this.#busy) return;
    this.#busy = true;
    queueMicrotask(() => void this.#run());
  }

  close(): void {
    this.#closed = true;
    this.#records = [];
  }

  /** A tenth at a time, so that dropping one by one does not move the whole list each time. */
  #drop(): void {
    const gone = this.#records.splice(0, Math.ceil(this.#records.length / 10));
    for (const record of gone) this.#bytes -= record.body.length;
    if (this.dropped === 0) {
      const text = `subscriber of "${this.#name}" is too slow: its oldest ${gone.length} messages are dropped, and more will be; let the handler return sooner, raise its concurrency, or use an engine that stores topics`;
      warn(new PolymqError('queue-full', text));
    }
    this.dropped += gone.length;
  }

  async #run(): Promise<void> {
    while (this.#records.length > 0 && !this.#closed) {
      const some = this.#records.splice(0, RECORDS_AT_ONCE);
      for (const { body } of some) this.#bytes -= body.length;
      const wait = this.#sink.deliver(some);
      if (wait !== undefined) await wait;
    }
    this.#busy = false;
  }
}

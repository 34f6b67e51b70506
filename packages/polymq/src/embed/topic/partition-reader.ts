/**
 * Reads one partition on and on, and hands its records to a sink that may ask for time: the next come when its promise has
 * resolved.
 */
import type { PolymqError, TopicRecord } from '@polymq/client/driver';
import { RecordCursor } from '../../core/crossing/record-cursor.ts';
import type { Partition } from '../../core/stream/streams.ts';
import type { EmbeddedContext } from '../context.ts';
import { clientError } from '../errors.ts';
import { fromRecord } from './records.ts';

export interface RecordSink {
  deliver(records: readonly TopicRecord[]): void | Promise<void>;
  failed(error: PolymqError): void;
}

/** Records handed on at once. */
const RECORDS_MAX = 500;

export class PartitionReader {
  readonly #context: EmbeddedContext;
  readonly #partition: Partition;
  readonly #cursor: RecordCursor;
  readonly #sink: RecordSink;
  #stopWatching: () => void = () => undefined;
  #wake: (() => void) | undefined;
  #closed = false;
  #done: Promise<void> = Promise.resolve();

  constructor(context: EmbeddedContext, partition: Partition, offset: number, sink: RecordSink) {
    this.#context = context;
    this.#partition = partition;
    this.#cursor = new RecordCursor(partition, offset, { releases: true });
    this.#sink = sink;
  }

  start(): void {
    // Called from inside a commit, so only noted.
    this.#stopWatching = this.#partition.onAdvance(() => this.#later());
    this.#done = this.#run();
  }

  /** Resolves when the sink gets nothing any more. It does not wait for what the sink does with what it has. */
  close(): void {
    this.#closed = true;
    this.#stopWatching();
    this.#wake?.();
  }

  /** Resolves when it has ended, after `close`. */
  get done(): Promise<void> {
    return this.#done;
  }

  #later(): void {
    if (this.#wake === undefined) return;
    const wake = this.#wake;
    this.#wake = undefined;
    this.#context.environment.timers.immediate(wake);
  }

  async #run(): Promise<void> {
    try {
      while (!this.#closed) {
        const records = this.#take();
        if (records.length > 0) {
          await this.#sink.deliver(records);
        } else if (!(await this.#cursor.load()) && !this.#cursor.behind && !this.#closed) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } catch (error: unknown) {
      if (this.#closed) return;
      this.close();
      this.#sink.failed(clientError(error, `read topic "${this.#partition.streamName}"`));
    }
  }

  #take(): TopicRecord[] {
    const { streamName, index } = this.#partition;
    const records: TopicRecord[] = [];
    while (records.length < RECORDS_MAX) {
      const record = this.#cursor.next();
      if (record === undefined) break;
      records.push(fromRecord(record, streamName, index));
    }
    return records;
  }
}

/**
 * Hands the records of a stream to one consumer as it has room for them, from wherever it wants to start. Nothing is leased or
 * remembered: what the consumer answers only makes room, and where it has come to is its own to know.
 *
 * A feed reads all partitions in turns, each in order. It runs when it is told to (`resume`), and at the end of the turn after a
 * commit (`later`), never from inside one. It fails once at most, and has stopped by then.
 */
import type { Timers } from '../../lib/environment/clock.ts';
import type { Stream, Streams } from '../stream/streams.ts';
import type { StreamStart } from './record-cursor.ts';
import {
  openStreamReader,
  type StreamFilter,
  type StreamMessage,
  type StreamReader,
} from './stream-reader.ts';

/** Records that are looked at before others get a turn. */
const RECORDS_PER_TURN = 256;

export interface StreamFeedOptions {
  readonly streams: Streams;
  readonly timers: Timers;
  /** How many records the consumer takes now. */
  readonly room: () => number;
  readonly deliver: (message: StreamMessage) => void;
  /** The stream was deleted or is broken: nothing comes any more. */
  readonly failed: (error: unknown) => void;
}

export class StreamFeed {
  readonly #stream: Stream;
  readonly #options: StreamFeedOptions;
  #readers: StreamReader[] = [];
  #next = 0;
  #begun = false;
  #pumping = false;
  #stopped = false;
  #stopWatching: () => void = () => undefined;

  constructor(stream: Stream, options: StreamFeedOptions) {
    this.#stream = stream;
    this.#options = options;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Opens a reader per partition, all from the same start. Rejects as `openStreamReader` does; it may be `stopped` after it. */
  async open(start: StreamStart, filter?: StreamFilter): Promise<void> {
    this.#stopWatching = this.#options.streams.onChange(({ kind, stream }) => {
      if (kind === 'deleted' && stream === this.#stream) this.#fail('the stream was deleted');
    });
    const options = { onMore: () => this.later(), ...(filter ? { filter } : {}) };
    try {
      for (const partition of this.#stream.partitions) {
        // Awaited first: `stop` replaces the list meanwhile.
        const reader = await openStreamReader(partition, start, options);
        this.#readers.push(reader);
      }
    } catch (error: unknown) {
      this.stop();
      throw error;
    }
    // The consumer or the stream may have ended meanwhile.
    if (this.#stopped) this.stop();
  }

  /** Records may come from now on. */
  begin(): void {
    this.#begun = true;
    this.resume();
  }

  /** Delivers now, as far as there is room. */
  resume(): void {
    void this.#pump();
  }

  /** The same at the end of the turn, for those who are inside a commit or an answer. */
  later(): void {
    if (this.#pumping || this.#stopped) return;
    this.#options.timers.immediate(() => this.resume());
  }

  stop(): void {
    this.#stopped = true;
    this.#stopWatching();
    for (const reader of this.#readers) reader.close();
    this.#readers = [];
  }

  async #pump(): Promise<void> {
    if (this.#pumping || this.#stopped || !this.#begun) return;
    this.#pumping = true;
    try {
      for (let reader = this.#waiting(); reader !== undefined; reader = this.#waiting()) {
        const read = reader.next(Math.min(this.#options.room(), RECORDS_PER_TURN));
        const messages = read instanceof Promise ? await read : read;
        if (this.#stopped) return;
        for (const message of messages) this.#options.deliver(message);
      }
    } catch (error: unknown) {
      this.#fail(error);
    } finally {
      this.#pumping = false;
    }
  }

  /** The next reader with something to read, in turns, if there is room for it. */
  #waiting(): StreamReader | undefined {
    if (this.#stopped || this.#options.room() <= 0) return undefined;
    for (let count = 0; count < this.#readers.length; count++) {
      this.#next = (this.#next + 1) % this.#readers.length;
      const reader = this.#readers[this.#next]!;
      if (reader.more) return reader;
    }
    return undefined;
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.stop();
    this.#options.failed(error);
  }
}

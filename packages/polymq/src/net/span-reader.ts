/**
 * Hands a session whatever has arrived, many frames at once, and keeps what it leaves over.
 *
 * For protocols whose frames are so small that handing them out one by one would cost more than handling them: the
 * session walks over the frames itself and copies what it keeps.
 *
 *   scratch (shared)   [frame][frame][frame][part    the rest moves to memory of its own, or
 *   own                [used][part][next read goes here]
 *                            ^start ^end
 *
 * The socket is told where to read to right after the read before. A session that goes on by itself in between only
 * moves `start`: bytes move to the front when the socket asks the next time and there is little room behind them.
 *
 * A quiet connection owns no memory. A session that consumes nothing although the memory is full has been promised
 * a larger frame than it accepts: that is its own limit to check, since it sees the length first.
 */
import { release } from '../lib/arena.ts';
import { ProtocolError } from '../lib/bytes/protocol-error.ts';
import type { ByteReader, ReadMemory } from './byte-reader.ts';

const OWN_BYTES = 256 * 1024;
/** Unconsumed bytes move to the front when there is less room behind them. */
const ROOM_BYTES_MIN = 64 * 1024;
/** A session that has stopped may be given what was read before the socket could be paused, up to this. */
const OWN_BYTES_MAX = 4 * 1024 * 1024;
/** A connection whose last read was smaller than this gives its memory back when it is empty. */
const QUIET_READ_BYTES = 8 * 1024;

/** Returns the number of bytes consumed. */
export type OnSpan = (buffer: Buffer, start: number, end: number) => number;

export class SpanReader implements ByteReader {
  readonly #memory: ReadMemory;
  readonly #onSpan: OnSpan;
  #own: Buffer | undefined;
  #start = 0;
  #end = 0;
  #stopped = false;
  #reading = false;

  constructor(memory: ReadMemory, onSpan: OnSpan) {
    this.#memory = memory;
    this.#onSpan = onSpan;
  }

  /** Bytes that have arrived and are not consumed. */
  get waitingBytes(): number {
    return this.#end - this.#start;
  }

  stop(): void {
    this.#stopped = true;
  }

  buffer(): Buffer {
    const own = this.#own;
    if (own === undefined) return this.#memory.scratch;
    if (this.#start === this.#end) {
      this.#start = 0;
      this.#end = 0;
    } else if (this.#start > 0 && own.length - this.#end < ROOM_BYTES_MIN) {
      own.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    if (this.#end === own.length) return this.#grow(own).subarray(this.#end);
    return this.#end === 0 ? own : own.subarray(this.#end);
  }

  onRead(count: number): void {
    if (this.#stopped) return;
    const own = this.#own;
    if (own === undefined) {
      const { scratch } = this.#memory;
      const consumed = this.#consume(scratch, 0, count);
      if (consumed < count && !this.#stopped) this.#keep(scratch, consumed, count);
      return;
    }
    this.#end += count;
    this.proceed();
    if (this.waitingBytes === 0 && count < QUIET_READ_BYTES) this.#leave();
  }

  proceed(): void {
    const own = this.#own;
    if (own === undefined || this.#stopped || this.#reading || this.waitingBytes === 0) return;
    this.#start += this.#consume(own, this.#start, this.#end);
  }

  /** A session that calls `proceed` while it is given bytes must not get them twice. */
  #consume(buffer: Buffer, start: number, end: number): number {
    this.#reading = true;
    try {
      return this.#onSpan(buffer, start, end);
    } finally {
      this.#reading = false;
    }
  }

  #keep(from: Buffer, start: number, end: number): void {
    const own = this.#memory.arenas.take(OWN_BYTES);
    from.copy(own, 0, start, end);
    this.#own = own;
    this.#end = end - start;
  }

  #grow(full: Buffer): Buffer {
    if (full.length >= OWN_BYTES_MAX) {
      throw new ProtocolError(`a frame or what follows it is larger than ${OWN_BYTES_MAX} bytes`);
    }
    const larger = this.#memory.arenas.take(full.length * 2);
    full.copy(larger, 0, 0, this.#end);
    release(full);
    this.#own = larger;
    return larger;
  }

  #leave(): void {
    if (this.#own) release(this.#own);
    this.#own = undefined;
    this.#start = 0;
    this.#end = 0;
  }
}

/**
 * Cuts a byte stream into frames, reading large ones straight into the memory they stay in.
 *
 * A quiet connection owns no memory: it reads into a scratch buffer that all connections share, and each
 * small frame is copied out. When a frame does not fit, the connection moves into an arena: bytes are read
 * behind the partial frame, and frames are handed out as slices of the arena, so a batch is written
 * to the log from the very memory it arrived in.
 *
 *   scratch (shared)   [frame][frame][part      fits a small copy, or else:
 *   arena              [part···········│ next read goes here            ]
 *                      └ start         └ end
 *
 * An arena that is full is left behind (its frames keep it alive), the partial frame moves to a new one,
 * twice as large while the connection keeps it busy. Memory grows with bytes received, never with a
 * length that was only claimed: an arena is at most `arenaBytesMax`, or the frame's size once half of
 * that has arrived.
 */
import { release, retain } from '../lib/arena.ts';
import type { ByteReader, ReadMemory } from './byte-reader.ts';

export interface Framing {
  /** Bytes needed to know a frame's size. */
  readonly headerBytes: number;
  /**
   * The size in bytes of the whole frame that starts at `at`, where `headerBytes` are readable.
   * Throws `ProtocolError` if it is not allowed.
   */
  frameBytes(buffer: Buffer, at: number): number;
}

export const SCRATCH_BYTES: number = 64 * 1024;
const ARENA_BYTES_MIN = 256 * 1024;
const ARENA_BYTES_MAX = 4 * 1024 * 1024;
/** Less room than this at the end of an arena is not worth a system call. */
const ROOM_BYTES_MIN = 32 * 1024;
/** A connection whose last read was smaller than this gives its arena back when it is empty. */
const QUIET_READ_BYTES = 8 * 1024;

export class FrameReader implements ByteReader {
  readonly #framing: Framing;
  readonly #memory: ReadMemory;
  readonly #onFrame: (frame: Buffer) => void;
  #arena: Buffer | undefined;
  #arenaBytes = ARENA_BYTES_MIN;
  #start = 0;
  #end = 0;
  #stopped = false;

  /**
   * Frames given to `onFrame` are its to keep; one that it is done with may be given back with `release`
   * (`lib/arena.ts`).
   */
  constructor(framing: Framing, memory: ReadMemory, onFrame: (frame: Buffer) => void) {
    this.#framing = framing;
    this.#memory = memory;
    this.#onFrame = onFrame;
  }

  /** Bytes of the unfinished frame. */
  get partialBytes(): number {
    return this.#end - this.#start;
  }

  /** Hands out no frame any more, not even those that have arrived already. */
  stop(): void {
    this.#stopped = true;
  }

  /** Frames are the session's to keep, so it never stops the reader. */
  proceed(): void {}

  /** Where the next bytes belong. */
  buffer(): Buffer {
    const arena = this.#arena;
    return arena ? arena.subarray(this.#end) : this.#memory.scratch;
  }

  /** `count` bytes have arrived where `buffer()` said. Throws what the framing throws. */
  onRead(count: number): void {
    if (this.#stopped) return;
    if (this.#arena) this.#readIntoArena(this.#arena, count);
    else this.#readIntoScratch(count);
  }

  #readIntoScratch(count: number): void {
    const { scratch, frames } = this.#memory;
    let at = 0;
    for (;;) {
      const bytes = this.#nextFrameBytes(scratch, at, count);
      if (bytes < 0 || this.#stopped) break;
      this.#onFrame(frames.copy(scratch, at, at + bytes));
      at += bytes;
    }
    if (at < count && !this.#stopped) this.#enterArena(scratch, at, count);
  }

  #readIntoArena(arena: Buffer, count: number): void {
    this.#end += count;
    for (;;) {
      const bytes = this.#nextFrameBytes(arena, this.#start, this.#end);
      if (bytes < 0 || this.#stopped) break;
      retain(arena);
      this.#onFrame(arena.subarray(this.#start, this.#start + bytes));
      this.#start += bytes;
    }
    if (this.#start === this.#end && count < QUIET_READ_BYTES) this.#leaveArena();
    else if (arena.length - this.#end < this.#roomNeeded(arena)) {
      this.#enterArena(arena, this.#start, this.#end);
    }
  }

  /** The size of the frame at `at` if it is whole, else -1. */
  #nextFrameBytes(buffer: Buffer, at: number, end: number): number {
    if (end - at < this.#framing.headerBytes) return -1;
    const bytes = this.#framing.frameBytes(buffer, at);
    return end - at < bytes ? -1 : bytes;
  }

  /** A frame that cannot be finished in this arena moves on early, while little must be copied. */
  #roomNeeded(arena: Buffer): number {
    const partial = this.#end - this.#start;
    if (partial < this.#framing.headerBytes) return ROOM_BYTES_MIN;
    const rest = this.#framing.frameBytes(arena, this.#start) - partial;
    return this.#start === 0 ? 1 : rest;
  }

  #enterArena(from: Buffer, start: number, end: number): void {
    const partial = end - start;
    const known = partial >= this.#framing.headerBytes ? this.#framing.frameBytes(from, start) : 0;
    const allowed = Math.max(this.#arenaBytes, partial * 2);
    const bytes = Math.max(this.#arenaBytes, Math.min(known, allowed), partial + ROOM_BYTES_MIN);
    const arena = this.#memory.arenas.take(bytes);
    from.copy(arena, 0, start, end);
    if (this.#arena) release(this.#arena);
    this.#arena = arena;
    this.#start = 0;
    this.#end = partial;
    this.#arenaBytes = Math.min(this.#arenaBytes * 2, ARENA_BYTES_MAX);
  }

  #leaveArena(): void {
    if (this.#arena) release(this.#arena);
    this.#arena = undefined;
    this.#arenaBytes = ARENA_BYTES_MIN;
    this.#start = 0;
    this.#end = 0;
  }
}

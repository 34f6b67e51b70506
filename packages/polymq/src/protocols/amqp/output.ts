/**
 * What goes out on one connection: frames of all its channels, gathered during a turn of the event loop and written
 * with one system call at its end.
 *
 * Frames are written into shared memory of a pool, which is taken when the first frame comes and given back when
 * the kernel has it, so quiet connections own none. Large bodies are not copied: a slice of the store's memory goes
 * between two pieces, and is let go once it was sent.
 */
import { type ArenaPool, release, retain } from '../../lib/arena.ts';
import type { Connection } from '../../net/connection.ts';

const ARENA_BYTES = 64 * 1024;
/** Deliveries stop when so much waits for the end of the turn. */
const UNFLUSHED_BYTES_MAX = 1024 * 1024;

export interface OutputMark {
  readonly buffer: Buffer | undefined;
  readonly pieces: number;
  readonly bytes: number;
  readonly position: number;
}

export class Output {
  /** Where to write, at `position`, after `reserve`. */
  buffer: Buffer | undefined;
  position = 0;
  readonly #connection: Connection;
  readonly #arenas: ArenaPool;
  readonly #onDirty: () => void;
  /** Start of what the current arena holds and `#pieces` does not. */
  #start = 0;
  #pieces: Buffer[] = [];
  #piecesBytes = 0;
  #letGo: (() => void)[] = [];
  #dirty = false;
  /** The kernel takes no more: until `drained`. */
  #blocked = false;

  /** `onDirty` is called when something is to be flushed, once until `flush`. */
  constructor(connection: Connection, arenas: ArenaPool, onDirty: () => void) {
    this.#connection = connection;
    this.#arenas = arenas;
    this.#onDirty = onDirty;
  }

  /** Deliveries should wait. Answers to methods may still be written: a client has few under way. */
  get full(): boolean {
    return (
      this.#blocked || this.#piecesBytes + (this.position - this.#start) >= UNFLUSHED_BYTES_MAX
    );
  }

  get blocked(): boolean {
    return this.#blocked;
  }

  /** Makes room for `bytes` in `buffer` at `position`, and returns the buffer. Advance `position` afterwards. */
  reserve(bytes: number): Buffer {
    if (!this.#dirty) {
      this.#dirty = true;
      this.#onDirty();
    }
    const buffer = this.buffer;
    if (buffer !== undefined && this.position + bytes <= buffer.length) return buffer;
    this.#cut();
    if (buffer !== undefined) release(buffer);
    const arena = this.#arenas.take(Math.max(ARENA_BYTES, bytes));
    this.buffer = arena;
    this.position = 0;
    this.#start = 0;
    return arena;
  }

  /** Where the output is now, to be able to take back what is written next. */
  mark(): OutputMark {
    return {
      pieces: this.#pieces.length,
      bytes: this.#piecesBytes,
      buffer: this.buffer,
      position: this.position,
    };
  }

  /** Takes back what was written since the mark, in the same turn; it must have fitted the same memory. */
  rewind(mark: OutputMark): void {
    if (this.#pieces.length === mark.pieces && this.buffer === mark.buffer) {
      this.position = mark.position;
    } else if (mark.buffer === undefined) this.position = this.#start;
  }

  /** A whole frame, copied. */
  frame(frame: Buffer): void {
    const buffer = this.reserve(frame.length);
    frame.copy(buffer, this.position);
    this.position += frame.length;
  }

  /** Sends the slice as it is; `letGo` is called when it is not needed any more, unless the connection broke. */
  slice(slice: Buffer, letGo: () => void): void {
    this.reserve(0);
    this.#cut();
    // Every piece is released once it was written; what the giver holds is let go by `letGo`.
    retain(slice);
    this.#pieces.push(slice);
    this.#piecesBytes += slice.length;
    this.#letGo.push(letGo);
  }

  /** Writes everything. Returns whether more may follow now. */
  flush(): boolean {
    this.#dirty = false;
    this.#cut();
    const pieces = this.#pieces;
    const bytes = this.#piecesBytes;
    const letGo = this.#letGo;
    const arena = this.buffer;
    this.buffer = undefined;
    this.position = 0;
    this.#start = 0;
    this.#pieces = [];
    this.#piecesBytes = 0;
    if (letGo.length > 0) this.#letGo = [];
    if (pieces.length > 0) {
      const taken = this.#connection.write(pieces, bytes, () => {
        for (const piece of pieces) release(piece);
        for (const callback of letGo) callback();
      });
      if (!taken) this.#blocked = true;
    }
    if (arena !== undefined) release(arena);
    return !this.#blocked;
  }

  drained(): void {
    this.#blocked = false;
  }

  /** Closes the piece that is being written. */
  #cut(): void {
    const buffer = this.buffer;
    if (buffer === undefined || this.position === this.#start) return;
    retain(buffer);
    this.#pieces.push(buffer.subarray(this.#start, this.position));
    this.#piecesBytes += this.position - this.#start;
    this.#start = this.position;
  }
}

/**
 * What goes out on one connection: gathered during a turn of the event loop and written with one system call at its
 * end.
 *
 *   reserve/position  ──► own memory, from a pool ──┐
 *   slice             ──► lent, not copied          ├──► pieces ──► one write ──► kernel
 *   shared            ──► ranges of SharedFrames  ──┘
 *
 * Own memory is taken when the first frame comes and given back when the kernel has it, so quiet connections own none.
 * Large bodies are not copied: a slice of the store's memory goes between two pieces, and is let go once it was sent.
 * What many connections get is written once (`SharedFrames`); each of them sends ranges of it, and ranges that lie
 * side by side are one piece.
 *
 * While the kernel has not taken all of the last write the output is *blocked*: nothing more is given to the socket,
 * everything gathers here, and leaves in one write when the kernel has room. So a slow reader pins the memory of one
 * write and not a piece of each turn's. Shared ranges are copied then if keeping them would keep much more memory than
 * they are long, so stalled readers of the same messages go on sharing, and one who gets a message now and then does not
 * hold on to those of everybody else. There is no limit here: who writes without waiting looks at `bytes` when he
 * flushes, and cuts the connection.
 */
import { type ArenaPool, release, retain } from '../lib/arena.ts';
import type { Connection } from './connection.ts';

const ARENA_BYTES = 64 * 1024;
/** Deliveries stop when so much waits for the end of the turn, or for the client. */
const UNFLUSHED_BYTES_MAX = 1024 * 1024;
/** Shorter ranges are copied, unless they go on where the last one ended: a piece costs more than they do. */
const RANGE_BYTES_MIN = 1024;
/** So much shared memory may be kept from its next use by a blocked output, and twice what it sends of it. */
const PINNED_BYTES_MAX = 4 * 1024 * 1024;

export interface OutputMark {
  readonly buffer: Buffer | undefined;
  readonly pieces: number;
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
  /** The range of shared memory that is the newest of all, and in no piece yet. */
  #range: Buffer | undefined;
  #rangeStart = 0;
  #rangeEnd = 0;
  #pieces: Buffer[] = [];
  #piecesBytes = 0;
  #letGo: (() => void)[] = [];
  #dirty = false;
  /** The kernel takes no more: until `drained`. */
  #blocked = false;
  /** Since the output is blocked: the newest shared memory that it keeps, that and all before, and what it sends of them. */
  #pinned: Buffer | undefined;
  #pinnedBytes = 0;
  #pinnedUse = 0;
  /** Where the newest range ended that was looked at while the output is blocked. */
  #seen: Buffer | undefined;
  #seenEnd = 0;
  /** What of its own was written then. */
  #seenPosition = 0;

  /** `onDirty` is called when something is to be flushed, once until `flush`, also while the output is blocked. */
  constructor(connection: Connection, arenas: ArenaPool, onDirty: () => void) {
    this.#connection = connection;
    this.#arenas = arenas;
    this.#onDirty = onDirty;
  }

  /** Deliveries should wait. Answers to methods may still be written: a client has few under way. */
  get full(): boolean {
    return this.bytes >= UNFLUSHED_BYTES_MAX;
  }

  /** The kernel has not taken all of the last write. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** What the kernel has not taken yet: gathered here, and waiting in the socket. */
  get bytes(): number {
    return this.#blocked ? this.#gathered + this.#connection.pendingBytes : this.#gathered;
  }

  /** Makes room for `bytes` in `buffer` at `position`, and returns the buffer. Advance `position` afterwards. */
  reserve(bytes: number): Buffer {
    if (!this.#dirty) this.#becomeDirty();
    if (this.#range !== undefined) this.#cutRange();
    const buffer = this.buffer;
    if (buffer !== undefined && this.position + bytes <= buffer.length) return buffer;
    this.#cutOwn();
    if (buffer !== undefined) release(buffer);
    const arena = this.#arenas.take(Math.max(ARENA_BYTES, bytes));
    this.buffer = arena;
    this.position = 0;
    this.#start = 0;
    return arena;
  }

  /** Where the output is now, to be able to take back what is written next. */
  mark(): OutputMark {
    if (this.#range !== undefined) this.#cutRange();
    return { pieces: this.#pieces.length, buffer: this.buffer, position: this.position };
  }

  /** Takes back the one piece that was reserved and written since the mark, in the same turn. */
  rewind(mark: OutputMark): void {
    if (this.#pieces.length === mark.pieces && this.buffer === mark.buffer) {
      this.position = mark.position;
    } else if (this.buffer !== mark.buffer) this.position = this.#start;
  }

  /** A whole frame, copied. */
  frame(frame: Buffer): void {
    const buffer = this.reserve(frame.length);
    frame.copy(buffer, this.position);
    this.position += frame.length;
  }

  /** Sends the slice as it is; `letGo` is called when it is not needed any more. */
  slice(slice: Buffer, letGo: () => void): void {
    this.reserve(0);
    this.#cutOwn();
    // Every piece is released once it was written; what the giver holds is let go by `letGo`.
    retain(slice);
    this.#pieces.push(slice);
    this.#piecesBytes += slice.length;
    this.#letGo.push(letGo);
  }

  /** Sends what lies at `[start, end)` in the memory of a `SharedFrames`, which must not change any more. */
  shared(buffer: Buffer, start: number, end: number): void {
    if (buffer === this.#range && start === this.#rangeEnd) this.#rangeEnd = end;
    else this.#openRange(buffer, start, end);
  }

  /**
   * Writes everything, unless the output is blocked: then it leaves later. Returns whether more may follow now; if not,
   * `bytes` says how much waits.
   */
  flush(): boolean {
    if (!this.#blocked) this.finish();
    else {
      // More of the range is news again.
      if (this.#range !== undefined) this.#cutRange();
      this.#dirty = false;
    }
    return !this.#blocked;
  }

  /** Writes everything even if the output is blocked: for last words, before the connection is ended. */
  finish(): void {
    this.#dirty = false;
    this.#cut();
    const pieces = this.#pieces;
    if (pieces.length === 0) return;
    const bytes = this.#piecesBytes;
    const letGo = this.#letGo;
    this.#forget();
    if (this.#connection.closed) {
      giveBack(pieces, letGo);
      return;
    }
    this.#connection.write(pieces, bytes, () => {
      giveBack(pieces, letGo);
      this.#sent();
    });
    if (this.#connection.pendingBytes > 0) this.#blocked = true;
  }

  /** The session was told that the connection has drained. What has gathered leaves at the end of this turn. */
  drained(): void {
    if (!this.#blocked || this.#connection.pendingBytes > 0) return;
    this.#blocked = false;
    this.#pinned = undefined;
    this.#pinnedBytes = 0;
    this.#pinnedUse = 0;
    this.#seen = undefined;
    if (this.#gathered > 0 && !this.#dirty) this.#becomeDirty();
  }

  /** The connection is over: gives back the memory of what was not sent. */
  close(): void {
    this.#cut();
    const [pieces, letGo] = [this.#pieces, this.#letGo];
    this.#forget();
    giveBack(pieces, letGo);
  }

  /** Sockets tell of room only after much has waited; here everything that had to wait counts. */
  #sent(): void {
    const connection = this.#connection;
    if (this.#blocked && !connection.closed && connection.pendingBytes === 0) connection.onDrain();
  }

  get #gathered(): number {
    const own = this.position - this.#start;
    return this.#piecesBytes + own + (this.#rangeEnd - this.#rangeStart);
  }

  #becomeDirty(): void {
    this.#dirty = true;
    this.#onDirty();
  }

  #openRange(buffer: Buffer, start: number, end: number): void {
    if (start === end) return;
    if (!this.#dirty) this.#becomeDirty();
    if (this.#range !== undefined && !this.#blocked) this.#cutRange();
    const keeps = this.#blocked
      ? this.#isWorthKeeping(buffer, start, end)
      : this.buffer === undefined || this.#isLong(buffer, start, end);
    if (!keeps) {
      this.#copy(buffer, start, end);
      this.#seenPosition = this.position;
      return;
    }
    if (this.#range !== undefined) this.#cutRange();
    if (this.#blocked) this.#cutOwn();
    this.#range = buffer;
    this.#rangeEnd = end;
    const before = this.#blocked ? this.#takePieceBefore(buffer, start) : 0;
    this.#rangeStart = start - before;
    if (before === 0) retain(buffer);
  }

  /** Takes the newest piece back if the range goes on where it ends. Returns its length. */
  #takePieceBefore(buffer: Buffer, start: number): number {
    const piece = this.#pieces.at(-1);
    if (piece === undefined || piece.buffer !== buffer.buffer) return 0;
    if (piece.byteOffset + piece.length !== buffer.byteOffset + start) return 0;
    this.#pieces.pop();
    this.#piecesBytes -= piece.length;
    this.#pinnedUse -= piece.length;
    return piece.length;
  }

  /** Whether the range, or that which it goes on with, is too long to be copied into the memory that is there. */
  #isLong(buffer: Buffer, start: number, end: number): boolean {
    const goesOn = buffer === this.#seen && start === this.#seenEnd;
    this.#seen = buffer;
    this.#seenEnd = end;
    return goesOn || end - start >= RANGE_BYTES_MIN;
  }

  #copy(buffer: Buffer, start: number, end: number): void {
    const bytes = end - start;
    const own = this.reserve(bytes);
    own.set(new Uint8Array(buffer.buffer, buffer.byteOffset + start, bytes), this.position);
    this.position += bytes;
  }

  #isWorthKeeping(buffer: Buffer, start: number, end: number): boolean {
    const behindIt = buffer === this.#seen && start === this.#seenEnd;
    const goesOn = behindIt && this.position === this.#seenPosition;
    this.#seen = buffer;
    this.#seenEnd = end;
    this.#seenPosition = this.position;
    if (!goesOn && end - start < RANGE_BYTES_MIN) return false;
    if (buffer === this.#pinned) return true;
    const pinnedBytes = this.#pinnedBytes + buffer.length;
    if (pinnedBytes > PINNED_BYTES_MAX + 2 * this.#pinnedUse) return false;
    this.#pinned = buffer;
    this.#pinnedBytes = pinnedBytes;
    return true;
  }

  /** Closes the pieces that are being written, and gives the own memory back but for what is in pieces. */
  #cut(): void {
    if (this.#range !== undefined) {
      // Alone, as it mostly is, it needs no memory but its own.
      if (this.buffer === undefined) this.#cutPiece();
      else this.#cutRange();
    }
    this.#cutOwn();
    if (this.buffer !== undefined) release(this.buffer);
    this.buffer = undefined;
    this.position = 0;
    this.#start = 0;
  }

  /** A short range between other pieces is copied, since a piece of its own costs more. */
  #cutRange(): void {
    const range = this.#range!;
    const bytes = this.#rangeEnd - this.#rangeStart;
    if (this.#blocked || bytes >= RANGE_BYTES_MIN) {
      this.#cutPiece();
      return;
    }
    const start = this.#rangeStart;
    this.#forgetRange();
    this.#copy(range, start, start + bytes);
    release(range);
  }

  /** Makes a piece of the range. */
  #cutPiece(): void {
    this.#cutOwn();
    const piece = this.#range!.subarray(this.#rangeStart, this.#rangeEnd);
    this.#pieces.push(piece);
    this.#piecesBytes += piece.length;
    if (this.#blocked) {
      this.#pinnedUse += piece.length;
      this.#seen = this.#range;
      this.#seenEnd = this.#rangeEnd;
    }
    this.#forgetRange();
  }

  #forgetRange(): void {
    this.#range = undefined;
    this.#rangeStart = 0;
    this.#rangeEnd = 0;
  }

  #cutOwn(): void {
    const buffer = this.buffer;
    if (buffer === undefined || this.position === this.#start) return;
    retain(buffer);
    this.#pieces.push(buffer.subarray(this.#start, this.position));
    this.#piecesBytes += this.position - this.#start;
    this.#start = this.position;
  }

  #forget(): void {
    this.#pieces = [];
    this.#piecesBytes = 0;
    if (this.#letGo.length > 0) this.#letGo = [];
  }
}

function giveBack(pieces: readonly Buffer[], letGo: readonly (() => void)[]): void {
  for (const piece of pieces) release(piece);
  for (const callback of letGo) callback();
}

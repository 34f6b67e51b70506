/**
 * RECEIPT frames that a connection is owed, in the order in which their frames came, whole and ready to be sent:
 *
 *   frames   ┌ RECEIPT … NUL LF ┬ RECEIPT … ┬ RECEIPT … ┬ room ┐
 *            └ sent             └ due at position 7 ────┴ 9    ┘
 *
 * What may be sent when the journal has come to one position is one entry, so a burst of messages costs one however many
 * receipts it asks for. Entries are in the order of frames and positions alike: only the first is looked at.
 */
import { Fifo } from '../../lib/fifo.ts';
import type { Output } from '../../net/output.ts';

interface Due {
  /** Where the journal must have come to. */
  position: number;
  /** Where the frames of this entry end, counted from the first one ever. */
  end: number;
  /** Records of streams that must be durable first. */
  waiting: number;
  failed: boolean;
}

const HEAD: Buffer = Buffer.from('RECEIPT\nreceipt-id:');
const TAIL: Buffer = Buffer.from('\n\n\0\n');
const CAPACITY_MIN = 1024;
const EMPTY: Buffer = Buffer.alloc(0);

export class Receipts {
  readonly #due = new Fifo<Due>();
  #last: Due | undefined;
  #frames: Buffer = EMPTY;
  /** What the first octet of `#frames` counts as, and where the next frame goes. */
  #base = 0;
  #end = 0;
  #sent = 0;

  get empty(): boolean {
    return this.#last === undefined;
  }

  /** A receipt with the id `source[start, end)`, as it stood in the frame. `streams`: resolves before it may be sent. */
  add(
    source: Buffer,
    start: number,
    end: number,
    position: number,
    streams?: Promise<void>,
    onReady?: () => void,
  ): void {
    this.#write(source, start, end);
    const last = this.#last;
    if (last !== undefined && last.position >= position && last.waiting === 0 && !streams) {
      last.end = this.#end;
      return;
    }
    const due: Due = {
      position: Math.max(position, last?.position ?? 0),
      end: this.#end,
      waiting: streams === undefined ? 0 : 1,
      failed: false,
    };
    this.#last = due;
    this.#due.push(due);
    if (streams !== undefined) void this.#settle(due, streams, onReady!);
  }

  /**
   * Sends what is due when the journal has committed so far. Returns how many bytes that was. Throws if a stream has not taken
   * a message.
   */
  send(committed: number, output: Output): number {
    let end = this.#sent;
    for (let due = this.#due.peek(); due !== undefined; due = this.#due.peek()) {
      if (due.position > committed || due.waiting > 0) break;
      if (due.failed) throw new Error('a stream has not taken a message');
      end = due.end;
      this.#due.take();
      if (due === this.#last) this.#last = undefined;
    }
    const bytes = end - this.#sent;
    if (bytes === 0) return 0;
    const target = output.reserve(bytes);
    this.#frames.copy(target, output.position, this.#sent - this.#base, end - this.#base);
    output.position += bytes;
    this.#sent = end;
    if (this.#sent === this.#end) this.#forget();
    return bytes;
  }

  /** Those that wait are never sent. */
  clear(): void {
    this.#due.clear();
    this.#last = undefined;
    this.#forget();
  }

  async #settle(due: Due, streams: Promise<void>, onReady: () => void): Promise<void> {
    try {
      await streams;
    } catch {
      due.failed = true;
    }
    due.waiting = 0;
    onReady();
  }

  #write(source: Buffer, start: number, end: number): void {
    const bytes = HEAD.length + (end - start) + TAIL.length;
    let at = this.#end - this.#base;
    if (at + bytes > this.#frames.length) at = this.#makeRoom(bytes);
    const frames = this.#frames;
    for (let index = 0; index < HEAD.length; index++) frames[at++] = HEAD[index]!;
    for (let index = start; index < end; index++) frames[at++] = source[index]!;
    for (let index = 0; index < TAIL.length; index++) frames[at++] = TAIL[index]!;
    this.#end += bytes;
  }

  /** Drops what was sent, and grows if that is not enough. Returns where the next frame goes. */
  #makeRoom(bytes: number): number {
    const kept = this.#end - this.#sent;
    let capacity = Math.max(CAPACITY_MIN, this.#frames.length);
    while (capacity < (kept + bytes) * 2) capacity *= 2;
    const frames = capacity === this.#frames.length ? this.#frames : Buffer.allocUnsafe(capacity);
    this.#frames.copy(frames, 0, this.#sent - this.#base, this.#end - this.#base);
    this.#frames = frames;
    this.#base = this.#sent;
    return kept;
  }

  /** A quiet connection keeps no memory. */
  #forget(): void {
    this.#base = 0;
    this.#sent = 0;
    this.#end = 0;
    if (this.#frames.length > CAPACITY_MIN) this.#frames = EMPTY;
  }
}

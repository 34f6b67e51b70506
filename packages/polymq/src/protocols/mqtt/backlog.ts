import { Fifo } from '../../lib/fifo.ts';

/**
 * A message of QoS 1 or 2 for a client whose window is full: its frame, without the packet id. Many clients may have the
 * same one, so it is written to only right before it is copied.
 */
export interface BacklogFrame {
  readonly frame: Buffer;
  readonly qos: 1 | 2;
  /** Where the packet id goes. */
  readonly packetIdAt: number;
  /** Where the seconds that the message has left are; 0 if it never expires. */
  readonly expiryAt: number;
  /** When it expires, ms since the epoch. */
  readonly expiresMs: number;
}

/** What an entry costs beside its bytes. */
const ENTRY_BYTES = 256;

/** Messages that wait for the window of a client without stored session, in order. They go with the connection. */
export class Backlog {
  readonly #frames = new Fifo<BacklogFrame>();
  #bytes = 0;

  get length(): number {
    return this.#frames.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(frame: BacklogFrame): void {
    this.#frames.push(frame);
    this.#bytes += frame.frame.length + ENTRY_BYTES;
  }

  /** The next one that has not expired, up to date; undefined if there is none. */
  take(nowMs: number): BacklogFrame | undefined {
    for (;;) {
      const next = this.#frames.take();
      if (next === undefined) return undefined;
      this.#bytes -= next.frame.length + ENTRY_BYTES;
      if (next.expiryAt === 0) return next;
      const leftMs = next.expiresMs - nowMs;
      if (leftMs <= 0) continue;
      next.frame.writeUInt32BE(Math.ceil(leftMs / 1000), next.expiryAt);
      return next;
    }
  }
}

/**
 * A SEND whose body is large: what has come of it is copied out of the reader's memory. What the body claims to have was
 * compared with the limit before; memory is taken for what has arrived and no more.
 */
import { release } from '../../lib/arena.ts';
import { type FrameScan, findNul } from './codec/frame-scan.ts';
import { malformed, StompError } from './codec/stomp-error.ts';
import type { StompServer } from './server.ts';

export class Gathering {
  /** From the command to the empty line. */
  readonly head: Buffer;
  readonly pieces: Buffer[] = [];
  /** All of the body is there. */
  complete = false;
  readonly #server: StompServer;
  /** -1: the body ends at the first NUL. */
  readonly #contentLength: number;
  #received = 0;

  constructor(server: StompServer, buffer: Buffer, scan: FrameScan) {
    this.#server = server;
    this.#contentLength = scan.contentLength;
    this.head = Buffer.from(buffer.subarray(scan.commandStart, scan.bodyStart));
  }

  /** Takes what has come of the body. Returns up to where it has read. */
  take(buffer: Buffer, start: number, end: number): number {
    if (this.#contentLength < 0) {
      const nul = findNul(buffer, start, end);
      this.#add(buffer, start, nul < 0 ? end : nul);
      if (nul < 0) return end;
      this.complete = true;
      return nul + 1;
    }
    const bodyEnd = Math.min(end, start + this.#contentLength - this.#received);
    this.#add(buffer, start, bodyEnd);
    if (bodyEnd === end) return end;
    if (buffer[bodyEnd] !== 0) throw endsElsewhere(this.#contentLength);
    this.complete = true;
    return bodyEnd + 1;
  }

  /** The pieces are not needed any more: their memory is used again. */
  release(): void {
    this.#server.gatheredBytes.release(this.#received);
    this.#received = 0;
    for (const piece of this.pieces) release(piece);
    this.pieces.length = 0;
  }

  #add(buffer: Buffer, start: number, end: number): void {
    const bytes = end - start;
    if (bytes === 0) return;
    checkBody(this.#received + bytes, this.#server.options.messageBytesMax);
    this.#server.gatheredBytes.charge(bytes);
    this.#received += bytes;
    this.pieces.push(this.#server.gathered.copy(buffer, start, end));
  }
}

export function endsElsewhere(contentLength: number): StompError {
  return malformed(`no NUL octet follows a body of ${contentLength} bytes`);
}

export function checkBody(bytes: number, bytesMax: number): void {
  if (bytes <= bytesMax) return;
  const detail = `a body of ${bytes} bytes is larger than the ${bytesMax} that are allowed\n`;
  throw new StompError('Message too large', detail);
}

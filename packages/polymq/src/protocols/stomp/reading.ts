/**
 * Cuts what a connection sends into frames, where they lie in the reader's memory.
 *
 *   small frame     ┌ head ┬ body ┐        handled when it is whole
 *   large SEND      ┌ head ┐ piece piece …  the head is kept, the body taken out as it comes (`gathering.ts`)
 *
 * A frame that comes in many pieces is not looked at from its beginning for each of them: what is known not to hold its end is
 * counted.
 */
import { findNul, skipNoise } from './codec/frame-scan.ts';
import { malformed } from './codec/stomp-error.ts';
import { checkBody, endsElsewhere, Gathering } from './gathering.ts';
import type { StompSession } from './session.ts';

export const SEND: Buffer = Buffer.from('SEND');

/** Before a client has logged in, all it may send. */
const CONNECT_BYTES_MAX = 8 * 1024;
/** Larger frames are taken out of the reader's memory. */
const WAITING_BYTES_MAX = 128 * 1024;
/** Only SEND has a body worth speaking of. */
const OTHER_BODY_BYTES_MAX = 64 * 1024;
const NUL = 0;
const LF = 0x0a;
const CR = 0x0d;

export class Reading {
  readonly #session: StompSession;
  #gathering: Gathering | undefined;
  /** Bytes of the frame that has begun that are known not to hold its end. */
  #searched = 0;
  /** The same for its headers. */
  #headSearched = 0;

  constructor(session: StompSession) {
    this.#session = session;
  }

  /** Hands the session as many frames as it takes. Returns up to where it has read. */
  read(buffer: Buffer, start: number, end: number): number {
    let at = start;
    while (this.#session.mayRead) {
      if (this.#searched === 0 && this.#gathering === undefined) at = skipNoise(buffer, at, end);
      if (at === end) break;
      const next =
        this.#gathering === undefined
          ? this.#frame(buffer, at, end)
          : this.#gather(this.#gathering, buffer, at, end);
      if (next === at) break;
      at = next;
    }
    return at;
  }

  /** Hands over a large message that was whole when the session had to wait: nothing more need come behind it. */
  resume(): void {
    if (this.#gathering?.complete) this.#handOver(this.#gathering);
  }

  /** The connection is over. */
  release(): void {
    this.#gathering?.release();
    this.#gathering = undefined;
  }

  /** Returns where the frame ends that begins at `at`, or `at` if it has to come again. */
  #frame(buffer: Buffer, at: number, end: number): number {
    const session = this.#session;
    const { scan, options } = session.server;
    if (session.state === 'connecting' && end - at > CONNECT_BYTES_MAX) checkFirst(buffer, at);
    const body = this.#head(buffer, at, end);
    if (body === 0) return at;
    const { contentLength } = scan;
    checkBody(contentLength, options.messageBytesMax);
    const bodyEnd = this.#bodyEnd(buffer, at, body, end);
    if (bodyEnd < 0) return this.#unfinished(buffer, at, body, end);
    if (buffer[bodyEnd] !== NUL) throw endsElsewhere(contentLength);
    checkBody(bodyEnd - body, options.messageBytesMax);
    this.#searched = 0;
    return session.handle(buffer, scan, bodyEnd) ? at : bodyEnd + 1;
  }

  /** Where the body begins; 0: the headers have not all come. */
  #head(buffer: Buffer, at: number, end: number): number {
    const { scan, options } = this.#session.server;
    const searched = this.#headSearched;
    if (searched === 0 || mayEndHead(buffer, Math.max(at, at + searched - 2), end)) {
      const body = scan.head(buffer, at, end);
      if (body > 0) {
        this.#headSearched = 0;
        return body;
      }
    }
    const headBytesMax = (options.headersMax + 1) * options.headerBytesMax;
    if (end - at > headBytesMax) throw malformed(`headers are longer than ${headBytesMax} bytes`);
    this.#headSearched = end - at;
    return 0;
  }

  /** -1: the body has not all come. */
  #bodyEnd(buffer: Buffer, at: number, body: number, end: number): number {
    const { contentLength } = this.#session.server.scan;
    if (contentLength < 0) return findNul(buffer, Math.max(body, at + this.#searched), end);
    return body + contentLength < end ? body + contentLength : -1;
  }

  #unfinished(buffer: Buffer, at: number, body: number, end: number): number {
    const { state, server } = this.#session;
    const { scan } = server;
    const bytes = Math.max(end - body, scan.contentLength);
    const sends = state === 'connected' && scan.isCommand(buffer, SEND);
    if (!sends && bytes > OTHER_BODY_BYTES_MAX) {
      throw malformed(`only SEND may have a body of more than ${OTHER_BODY_BYTES_MAX} bytes`);
    }
    if (!sends || bytes < WAITING_BYTES_MAX) {
      this.#searched = end - at;
      return at;
    }
    this.#searched = 0;
    this.#gathering = new Gathering(server, buffer, scan);
    return body;
  }

  #gather(gathering: Gathering, buffer: Buffer, start: number, end: number): number {
    const next = gathering.take(buffer, start, end);
    if (gathering.complete) this.#handOver(gathering);
    return next;
  }

  #handOver(gathering: Gathering): void {
    const session = this.#session;
    const { scan } = session.server;
    const { head, pieces } = gathering;
    scan.head(head, 0, head.length);
    if (session.handle(head, scan, head.length, pieces)) return;
    this.#gathering = undefined;
    gathering.release();
  }
}

/** Whether there is an empty line, or an octet that no header has. */
function mayEndHead(buffer: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const octet = buffer[at]!;
    if (octet === NUL) return true;
    if (octet !== LF) continue;
    const next = buffer[at + 1] === CR ? at + 2 : at + 1;
    if (next < end && buffer[next] === LF) return true;
  }
  return false;
}

/** The first frame must be whole within what a client may send before it has logged in. */
function checkFirst(buffer: Buffer, at: number): void {
  const nul = buffer.indexOf(NUL, at);
  if (nul >= 0 && nul - at <= CONNECT_BYTES_MAX) return;
  throw malformed(`the first frame is longer than ${CONNECT_BYTES_MAX} bytes`);
}

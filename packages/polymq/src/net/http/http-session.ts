/**
 * One connection that speaks HTTP/1.1: bytes in, requests to the service one after the other, answers out.
 *
 *   head ──► body (by length or in chunks) ──► waiting (the service has it) ──► head …
 *     │                │                            └──► ending: the last answer is on its way
 *     └────────────────┴── refused, too slow ──────────────┘
 *
 * A request that has arrived whole is read where it lies. What is not whole yet is kept in memory of its own size, so that a
 * connection that waits for its answer, or for its next request, owns nothing but a few objects. While an answer is
 * awaited no further request is looked at; those sent ahead (pipelining) wait in that memory, and beyond a limit in the
 * peer's TCP. Answers that are given while a span is being read leave together in one write.
 *
 * Slow peers: a request must be whole within `requestMsMax` of its first byte. There is one timer for that per connection, which
 * runs only after something partial has arrived. Between requests the listener's idle limit counts, and
 * while an answer is awaited none (`busy`).
 */
import { ByteBudget } from '../../lib/byte-budget.ts';
import type { Clock, Timer, Timers } from '../../lib/environment/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Connection, Session } from '../connection.ts';
import { joinSmall } from '../join-small.ts';
import { CONTINUE, writeAnswer } from './answer-bytes.ts';
import { ChunkedBody } from './chunked-body.ts';
import { HeldBytes } from './held-bytes.ts';
import type { HttpAnswer, HttpExchange, HttpRequest, HttpService } from './http-exchange.ts';
import { HttpRefusal } from './http-refusal.ts';
import { type HeadLimits, NO_BODY, type RequestHead, readHead } from './request-head.ts';

export interface HttpSessionOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger?: Logger;
  readonly limits?: HttpLimits;
  /** What requests that have not arrived whole may hold, over all connections. Missing: 256 MiB in all. */
  readonly arriving?: ByteBudget;
}

export interface HttpLimits extends HeadLimits {
  /** From the first byte of a request to its last. */
  readonly requestMsMax: number;
}

export const HTTP_LIMITS: HttpLimits = {
  headBytesMax: 32 * 1024,
  targetBytesMax: 8 * 1024,
  headerCountMax: 100,
  requestMsMax: 10_000,
};

/** More than this sent ahead of an answer is left to TCP. */
const AHEAD_BYTES_MAX = 64 * 1024;
/** Requests that were sent ahead and are answered at once; then others get their turn. */
const REQUESTS_PER_TURN = 200;
/** After the last answer what the peer still sends is dropped for so long, so that a reset does not overtake the answer. */
const LINGER_MS = 2000;

const NEVER = -1;
/** Shared by all sessions that are given no budget of their own. */
const ARRIVING: ByteBudget = new ByteBudget(256 * 1024 * 1024);

const CR = 0x0d;
const LF = 0x0a;

type State = 'head' | 'body' | 'chunks' | 'waiting' | 'ending' | 'closed';

export class HttpSession implements Session {
  readonly #connection: Connection;
  readonly #service: HttpService;
  readonly #options: HttpSessionOptions;
  #state: State = 'head';
  /** What has arrived and is not consumed. */
  readonly #held: HeldBytes;
  /** Up to here, from the start of the request, no head could be read. */
  #scannedBytes = 0;
  #head: RequestHead | undefined;
  #chunks: ChunkedBody | undefined;
  #exchange: Exchange | undefined;
  #output: Buffer[] = [];
  #outputBytes = 0;
  /** Bytes are being consumed: answers are gathered. */
  #reading = false;
  /** The kernel takes no more: until `onDrain`. */
  #blocked = false;
  /** Others have their turn first. */
  #yielding = false;
  #draining = false;
  #blankLineSkipped = false;
  /** When the first byte of the request came that is not whole yet, by the monotonic clock; NEVER: there is none. */
  #startedMs = NEVER;
  #timer: Timer | undefined;
  /** While ending: what the kernel had not taken at the last look. */
  #unsentBytes = 0;

  constructor(connection: Connection, service: HttpService, options: HttpSessionOptions) {
    this.#connection = connection;
    this.#service = service;
    this.#options = options;
    this.#held = new HeldBytes(options.arriving ?? ARRIVING);
  }

  /** A request waits for its answer: silence is not idleness. */
  get busy(): boolean {
    return this.#state === 'waiting';
  }

  get connection(): Connection {
    return this.#connection;
  }

  onSpan(buffer: Buffer, start: number, end: number): number {
    if (this.#state === 'ending' || this.#state === 'closed') return end - start;
    if (this.#held.buffer === undefined) {
      const at = this.#read(buffer, start, end);
      if (at < end && !this.#over) this.#hold(buffer, at, end);
    } else if (this.#hold(buffer, start, end)) this.#readHeld();
    this.#settle();
    return end - start;
  }

  onDrain(): void {
    this.#blocked = false;
    this.#goOn();
  }

  onClose(): void {
    this.#state = 'closed';
    this.#dropInput();
    this.#options.timers.clear(this.#timer);
    this.#timer = undefined;
    const exchange = this.#exchange;
    this.#exchange = undefined;
    if (exchange !== undefined) exchange.close();
  }

  /** Answers what is under way and closes then. */
  drain(): void {
    this.#draining = true;
    const underWay = this.#state !== 'head' || this.#held.bytes > 0;
    if (!underWay) this.#end();
  }

  /** Called by the exchange, once. */
  answered(exchange: Exchange, answer: HttpAnswer): void {
    if (this.#exchange !== exchange || this.#state !== 'waiting') return;
    this.#exchange = undefined;
    const { head } = exchange;
    const close = this.#draining || !head.keepAlive;
    this.#write(answer, head.method === 'HEAD', close, head.old);
    this.#state = 'head';
    if (close) this.#end();
    else if (!this.#reading) this.#goOn();
  }

  get #over(): boolean {
    return this.#state === 'ending' || this.#state === 'closed';
  }

  /** After something that held up the next request is over. */
  #goOn(): void {
    if (this.#over) return;
    this.#readHeld();
    this.#settle();
  }

  #readHeld(): void {
    const held = this.#held;
    if (held.buffer === undefined || this.#reading) return;
    held.start = this.#read(held.buffer, held.start, held.end);
    if (this.#over || held.bytes === 0) this.#dropInput();
  }

  /** Hands out requests until one is not whole or must wait. Returns up to where bytes were consumed. */
  #read(buffer: Buffer, start: number, end: number): number {
    this.#reading = true;
    let at = start;
    try {
      for (let requests = 0; at < end && !this.#stopped; ) {
        const next = this.#step(buffer, at, end);
        if (next < 0) break;
        at = next;
        if (this.#state === 'head' && ++requests >= REQUESTS_PER_TURN && at < end) {
          this.#yield();
        }
      }
    } catch (error: unknown) {
      if (!(error instanceof HttpRefusal)) throw error;
      this.#refuse(error);
    } finally {
      this.#reading = false;
    }
    return at;
  }

  get #stopped(): boolean {
    return this.#state === 'waiting' || this.#over || this.#blocked || this.#yielding;
  }

  /** One part of a request. Returns where it ends, or -1 if it is not there whole. */
  #step(buffer: Buffer, start: number, end: number): number {
    if (this.#state === 'head') return this.#readHead(buffer, start, end);
    if (this.#state === 'chunks') {
      const chunks = this.#chunks!;
      const at = chunks.feed(buffer, start, end);
      if (!chunks.done) return at === start ? -1 : at;
      this.#chunks = undefined;
      this.#dispatch(chunks.body);
      chunks.drop();
      return at;
    }
    const bodyEnd = start + this.#head!.contentLength;
    if (bodyEnd > end) return -1;
    this.#dispatch(buffer.subarray(start, bodyEnd));
    return bodyEnd;
  }

  #readHead(buffer: Buffer, start: number, end: number): number {
    const { headBytesMax, targetBytesMax } = this.#options.limits ?? HTTP_LIMITS;
    if (buffer[start] === CR || buffer[start] === LF)
      return this.#skipBlankLine(buffer, start, end);
    const bytes = end - start;
    // A head that came in parts is read again only when a line has ended, or a limit is passed.
    const scanned = this.#scannedBytes;
    const passes = (limit: number): boolean => scanned < limit && bytes >= limit;
    if (scanned > 0 && !passes(targetBytesMax + HEAD_SLACK_BYTES) && !passes(headBytesMax)) {
      const lineEnd = buffer.indexOf(LF, start + scanned);
      if (lineEnd < 0 || lineEnd >= end) {
        this.#scannedBytes = bytes;
        return -1;
      }
    }
    const head = readHead(buffer, start, end, this.#options.limits ?? HTTP_LIMITS);
    if (head === undefined) {
      this.#scannedBytes = bytes;
      return -1;
    }
    this.#scannedBytes = 0;
    this.#blankLineSkipped = false;
    this.#connection.greet();
    return this.#startBody(head, start + head.bytes, end);
  }

  #startBody(head: RequestHead, at: number, end: number): number {
    const { bodyBytesMax } = this.#service;
    this.#head = head;
    if (head.contentLength > bodyBytesMax) {
      throw new HttpRefusal(413, `the body is larger than ${bodyBytesMax} bytes`);
    }
    if (head.chunked) {
      this.#chunks = new ChunkedBody(bodyBytesMax, this.#options.arriving ?? ARRIVING);
      this.#state = 'chunks';
    } else if (head.contentLength <= 0) {
      this.#dispatch(NO_BODY);
      return at;
    } else this.#state = 'body';
    if (head.expectsContinue && at === end) {
      this.#output.push(CONTINUE);
      this.#outputBytes += CONTINUE.length;
    }
    return at;
  }

  /** One empty line before a request is what some clients send behind a body (RFC 9112 §2.2). */
  #skipBlankLine(buffer: Buffer, start: number, end: number): number {
    if (buffer[start] === LF || this.#blankLineSkipped) {
      throw new HttpRefusal(400, 'there is no request line');
    }
    if (end - start < 2) return -1;
    if (buffer[start + 1] !== LF) throw new HttpRefusal(400, 'there is no request line');
    this.#blankLineSkipped = true;
    return start + 2;
  }

  #dispatch(body: Buffer): void {
    const head = this.#head!;
    const exchange = new Exchange(this, head);
    this.#head = undefined;
    this.#exchange = exchange;
    this.#state = 'waiting';
    this.#startedMs = NEVER;
    head.body = body;
    try {
      this.#service.handle(exchange);
    } catch (error: unknown) {
      this.#crash(error, exchange);
    }
    // The memory belongs to others from here on.
    head.body = NO_BODY;
  }

  /** A bug: this request is answered so, the broker goes on. */
  #crash(error: unknown, exchange: Exchange): void {
    const peer = this.#connection.remoteAddress;
    this.#options.logger?.error({ error, peer }, 'a request failed');
    exchange.answer(this.#service.refuse(500, 'the broker failed to handle this request'));
  }

  #refuse(refusal: HttpRefusal): void {
    const headOnly = this.#head?.method === 'HEAD';
    this.#connection.noteProtocolError(refusal.message);
    this.#write(this.#service.refuse(refusal.status, refusal.message), headOnly, true, false);
    this.#end();
  }

  #write(answer: HttpAnswer, headOnly: boolean, close: boolean, old: boolean): void {
    const output = this.#output;
    const known = output.length;
    const connection = close ? 'close' : old ? 'keep-alive' : undefined;
    writeAnswer(answer, { headOnly, connection, nowMs: this.#options.clock.nowMs() }, output);
    for (let i = known; i < output.length; i++) this.#outputBytes += output[i]!.length;
    if (this.#outputBytes >= AHEAD_BYTES_MAX) this.#flush();
  }

  #flush(): void {
    const output = this.#output;
    if (output.length === 0) return;
    const bytes = this.#outputBytes;
    this.#output = [];
    this.#outputBytes = 0;
    if (!this.#connection.write(joinSmall(output), bytes)) this.#blocked = true;
  }

  /** Sends what was answered in this turn, and sees to how the peer may go on. */
  #settle(): void {
    this.#flush();
    if (this.#over) return;
    const heldBytes = this.#held.bytes;
    if (this.#stopped && heldBytes > AHEAD_BYTES_MAX) this.#connection.pause();
    else this.#connection.resume();
    const partial = this.#state === 'body' || this.#state === 'chunks' || heldBytes > 0;
    if (!partial || this.#stopped) this.#startedMs = NEVER;
    else if (this.#startedMs === NEVER) {
      this.#startedMs = this.#options.clock.monotonicMs();
      this.#watch((this.#options.limits ?? HTTP_LIMITS).requestMsMax);
    }
  }

  #yield(): void {
    this.#yielding = true;
    this.#options.timers.immediate(() => {
      this.#yielding = false;
      this.#goOn();
    });
  }

  #watch(delayMs: number): void {
    if (this.#timer !== undefined) return;
    this.#timer = this.#options.timers.after(delayMs, () => {
      this.#timer = undefined;
      this.#onTimer();
    });
    this.#timer.unref();
  }

  #onTimer(): void {
    if (this.#state === 'ending') {
      this.#linger();
      return;
    }
    if (this.#startedMs === NEVER) return;
    const { requestMsMax } = this.#options.limits ?? HTTP_LIMITS;
    const leftMs = this.#startedMs + requestMsMax - this.#options.clock.monotonicMs();
    if (leftMs > 0) this.#watch(leftMs);
    else this.#refuse(new HttpRefusal(408, `the request took more than ${requestMsMax} ms`));
  }

  /** Sends what is waiting and closes; what the peer still sends is dropped for a while. */
  #end(): void {
    this.#flush();
    this.#state = 'ending';
    this.#dropInput();
    this.#options.timers.clear(this.#timer);
    this.#timer = undefined;
    this.#connection.resume();
    this.#connection.end();
    this.#unsentBytes = this.#connection.pendingBytes;
    this.#watch(LINGER_MS);
  }

  /** A peer that still takes its answer, however slowly, is given time; one that does nothing is cut. */
  #linger(): void {
    const unsent = this.#connection.pendingBytes;
    if (unsent === 0 || unsent >= this.#unsentBytes) {
      this.#connection.destroy();
      return;
    }
    this.#unsentBytes = unsent;
    this.#watch(LINGER_MS);
  }

  #dropInput(): void {
    this.#held.drop();
    if (!this.#over) return;
    this.#head = undefined;
    this.#chunks?.drop();
    this.#chunks = undefined;
  }

  /** Keeps a copy. False: there is no memory for it, and the connection is over. */
  #hold(buffer: Buffer, start: number, end: number): boolean {
    const wanted = this.#state === 'body' ? this.#head!.contentLength : Number.POSITIVE_INFINITY;
    try {
      this.#held.append(buffer, start, end, wanted);
      return true;
    } catch (error: unknown) {
      if (!(error instanceof HttpRefusal)) throw error;
      // What was sent ahead has no answer of its own yet.
      if (this.#state === 'waiting') this.#connection.destroy();
      else this.#refuse(error);
      return false;
    }
  }
}

/** Method, blanks and version around a target. */
const HEAD_SLACK_BYTES = 64;

class Exchange implements HttpExchange {
  readonly head: RequestHead;
  closed = false;
  onClosed: (() => void) | undefined;
  readonly #session: HttpSession;

  constructor(session: HttpSession, head: RequestHead) {
    this.#session = session;
    this.head = head;
  }

  get request(): HttpRequest {
    return this.head;
  }

  get remoteAddress(): string {
    return this.#session.connection.remoteAddress;
  }

  get localAddress(): string {
    return this.#session.connection.localAddress;
  }

  get localPort(): number {
    return this.#session.connection.localPort;
  }

  answer(answer: HttpAnswer): void {
    this.#session.answered(this, answer);
  }

  close(): void {
    this.closed = true;
    this.onClosed?.();
    this.onClosed = undefined;
  }
}

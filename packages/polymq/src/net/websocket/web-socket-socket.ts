/**
 * A socket whose bytes travel in WebSocket messages. Connections and sessions do not notice: they read the payloads one
 * behind the other, and each of their writes is one message.
 *
 *   opening ──► open ──► closing ──► over        (RFC 6455)
 *      └──────(refused, as HTTP)───────►
 *
 * opening   the head of a request gathers; the listener's deadline for the first frame bounds how long.
 * open      frames are unmasked from the memory that all sockets read into straight into the reader's own.
 * closing   a close frame was sent. What still comes is thrown away, and after a while the connection is cut.
 *
 * What is written stays where it is: a message is a header of a few bytes before the same buffers, so frames that many
 * connections share are not copied here either. Compression is never agreed to, for the same reason.
 */
import { isUtf8 } from 'node:buffer';
import type { Counter } from '../../lib/counters.ts';
import type { Timer, Timers } from '../../lib/environment/clock.ts';
import type { NetworkSocket, SocketHandler } from '../../lib/environment/network.ts';
import type { Logger } from '../../lib/logger.ts';
import { HttpRefusal } from '../http/http-refusal.ts';
import { type HeadLimits, readHead } from '../http/request-head.ts';
import {
  BINARY,
  CLOSE,
  closeCode,
  closeFrame,
  controlFrame,
  frameHeader,
  NORMAL,
  PING,
  PONG,
  TEXT,
  WebSocketError,
} from './frame.ts';
import { FrameDecoder, type FrameSink } from './frame-decoder.ts';
import { acceptHandshake, type HandshakeRules, refusalAnswer } from './handshake.ts';

export interface WebSocketRules extends HandshakeRules {
  /** Messages to a client that has sent text itself are text if they are UTF-8; else all are binary. */
  readonly mayBeText: boolean;
  /** The largest message that is read. */
  readonly messageBytesMax: number;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly protocolErrors: Counter;
}

const HEAD_LIMITS: HeadLimits = {
  headBytesMax: 16 * 1024,
  targetBytesMax: 4 * 1024,
  headerCountMax: 100,
};
const HEAD_END = Buffer.from('\r\n\r\n');
/** A client that was told that it is over has so long to close the connection itself, */
const CLOSE_MS = 5_000;
/** and so often again while it has not taken all that was sent before. */
const CLOSE_LOOKS_MAX = 12;
/** With more than this waiting for a client that does not read, its pings are not answered. */
const PENDING_BYTES_MAX = 64 * 1024;

/** All sockets are read into this and are done with it when the read has been handled. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024);

export class WebSocketSocket implements NetworkSocket, SocketHandler, FrameSink {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly #socket: NetworkSocket;
  readonly #rules: WebSocketRules;
  #state: 'opening' | 'open' | 'closing' | 'over' = 'opening';
  /** What has come of the head, if it did not come at once. */
  #head: Buffer | undefined;
  #handler: SocketHandler | undefined;
  readonly #decoder: FrameDecoder;
  #cut: Timer | undefined;

  constructor(socket: NetworkSocket, rules: WebSocketRules) {
    this.#socket = socket;
    this.#rules = rules;
    this.#decoder = new FrameDecoder(this, rules.messageBytesMax);
    this.remoteAddress = socket.remoteAddress;
    this.remotePort = socket.remotePort;
    this.localAddress = socket.localAddress;
    this.localPort = socket.localPort;
  }

  start(handler: SocketHandler): void {
    this.#handler = handler;
    this.#socket.start(this);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** One message. Nothing is sent when the WebSocket is not open. */
  write(buffers: readonly Uint8Array[], onSent?: () => void): boolean {
    if (this.#state !== 'open') {
      onSent?.();
      return true;
    }
    let bytes = 0;
    for (const buffer of buffers) bytes += buffer.length;
    const opcode = this.#rules.mayBeText && this.#decoder.text && areUtf8(buffers) ? TEXT : BINARY;
    return this.#socket.write([frameHeader(opcode, bytes), ...buffers], onSent);
  }

  get pendingBytes(): number {
    return this.#socket.pendingBytes;
  }

  end(): void {
    if (this.#state === 'open') this.#close(closeFrame(NORMAL));
    else if (this.#state === 'opening') this.#finish();
  }

  destroy(): void {
    this.#over();
    this.#socket.destroy();
  }

  /** Called by the socket below, as are the next three. */
  buffer(): Uint8Array {
    return scratch;
  }

  onRead(count: number): void {
    if (this.#state === 'opening') this.#readHead(count);
    else if (this.#state === 'open') this.#decode(scratch, 0, count);
  }

  onDrain(): void {
    this.#handler?.onDrain();
  }

  onClose(error?: Error): void {
    this.#over();
    this.#handler?.onClose(error);
  }

  /** Called by the decoder, as are the next two. */
  room(): Uint8Array {
    return this.#handler!.buffer();
  }

  filled(count: number): void {
    this.#handler!.onRead(count);
  }

  control(opcode: number, payload: Buffer): void {
    if (opcode === CLOSE) this.#close(closeFrame(closeCode(payload)));
    else if (opcode === PING && this.pendingBytes < PENDING_BYTES_MAX) {
      // Whoever waits for an empty socket must hear of it, even if the answer left last.
      this.#socket.write([controlFrame(PONG, payload)], () => {
        if (this.#state === 'open' && this.pendingBytes === 0) this.onDrain();
      });
    }
  }

  #readHead(count: number): void {
    const before = this.#head?.length ?? 0;
    const bytes = this.#head
      ? Buffer.concat([this.#head, scratch.subarray(0, count)])
      : scratch.subarray(0, count);
    // The first piece is always looked at, so that who speaks no HTTP learns it at once; then only what has its end.
    const complete = bytes.includes(HEAD_END, Math.max(0, before - HEAD_END.length + 1));
    if (before > 0 && !complete && bytes.length < HEAD_LIMITS.headBytesMax) {
      this.#head = bytes;
      return;
    }
    try {
      const head = readHead(bytes, 0, bytes.length, HEAD_LIMITS);
      if (head === undefined) {
        this.#head = Buffer.from(bytes);
        return;
      }
      this.#socket.write([acceptHandshake(head, this.#rules)]);
      this.#state = 'open';
      this.#head = undefined;
      if (head.bytes < bytes.length) this.#decode(bytes, head.bytes, bytes.length);
    } catch (error) {
      if (!(error instanceof HttpRefusal)) throw error;
      this.#note(error.message);
      this.#socket.write([refusalAnswer(error)]);
      this.#finish();
    }
  }

  #decode(input: Buffer, start: number, end: number): void {
    try {
      this.#decoder.decode(input, start, end);
    } catch (error) {
      if (!(error instanceof WebSocketError)) throw error;
      if (this.#state !== 'open') return;
      this.#note(error.message);
      this.#close(closeFrame(error.code, error.message));
    }
  }

  #close(frame: Buffer): void {
    this.#socket.write([frame]);
    this.#finish();
  }

  /** Sends what is waiting, and leaves it to the peer to close its side, but not for ever. */
  #finish(): void {
    this.#state = 'closing';
    this.#head = undefined;
    this.#decoder.stop();
    this.#socket.end();
    this.#cutLater(CLOSE_LOOKS_MAX);
  }

  #cutLater(looks: number): void {
    this.#cut = this.#rules.timers.after(CLOSE_MS, () => {
      if (this.pendingBytes === 0 || looks === 1) this.#socket.destroy();
      else this.#cutLater(looks - 1);
    });
    this.#cut.unref();
  }

  #over(): void {
    this.#state = 'over';
    this.#decoder.stop();
    this.#rules.timers.clear(this.#cut);
  }

  #note(reason: string): void {
    this.#rules.protocolErrors.value += 1;
    const peer = `${this.remoteAddress}:${this.remotePort}`;
    this.#rules.logger.warn({ peer, reason }, 'closed a connection: protocol error');
  }
}

function areUtf8(buffers: readonly Uint8Array[]): boolean {
  if (buffers.every((buffer) => isUtf8(buffer))) return true;
  // A character may lie across two of them.
  return buffers.length > 1 && isUtf8(Buffer.concat(buffers));
}

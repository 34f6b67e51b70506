/**
 * One keep-alive HTTP/1.1 connection on a raw socket, for tests and benchmarks that send bytes built beforehand and
 * want to know to the byte what came back. One request at a time, as SDKs do: no pipelining.
 *
 * Answers are read where they lie in one buffer of the connection; only an answer that comes in pieces
 * is put together in memory of its own. What a reader is given is valid until it returns.
 */
import { connect, type Socket } from 'node:net';

/** The body is `bytes[bodyStart, bodyEnd)`; the head stands before it from 0. */
export type AnswerReader = (
  status: number,
  bytes: Buffer,
  bodyStart: number,
  bodyEnd: number,
) => void;

export interface HttpWireOptions {
  host?: string | undefined;
  port: number;
  connectTimeoutMs?: number | undefined;
  /** Default 64 KiB. */
  readBytes?: number | undefined;
}

const READ_BYTES = 64 * 1024;
const CONNECT_TIMEOUT_MS = 10_000;
const HEAD_END = Buffer.from('\r\n\r\n');
/** `HTTP/1.1 ` stands before it. */
const STATUS_AT = 9;

export class HttpWire {
  /** Why the connection is over; undefined while it is not. */
  closed: Error | undefined;
  onClosed: ((error: Error) => void) | undefined;
  socket!: Socket;
  #reader: AnswerReader | undefined;
  /** An answer that is not whole yet. */
  #kept: Buffer | undefined;

  static connect(options: HttpWireOptions): Promise<HttpWire> {
    const wire = new HttpWire();
    return new Promise((resolve, reject) => {
      const { host = '127.0.0.1', port, readBytes = READ_BYTES } = options;
      const socket = connect({
        host,
        port,
        noDelay: true,
        onread: {
          buffer: Buffer.allocUnsafeSlow(readBytes),
          callback: (length, buffer) => {
            wire.#read(buffer as Buffer, length);
            return true;
          },
        },
      });
      const timeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
      const timer = setTimeout(() => socket.destroy(new Error('connecting took long')), timeoutMs);
      wire.socket = socket;
      let failure: Error | undefined;
      socket.on('connect', () => {
        clearTimeout(timer);
        resolve(wire);
      });
      socket.on('error', (error) => {
        failure = error;
      });
      socket.on('end', () => socket.destroy());
      socket.on('close', () => {
        clearTimeout(timer);
        wire.closed ??= failure ?? new Error('the other side closed the connection');
        reject(wire.closed);
        wire.#reader = undefined;
        wire.onClosed?.(wire.closed);
      });
    });
  }

  get waiting(): boolean {
    return this.#reader !== undefined;
  }

  /** The request must stay as it is until the answer is there. */
  request(bytes: Buffer | string, reader: AnswerReader): void {
    if (this.#reader) throw new Error('a request is under way already');
    this.#reader = reader;
    this.socket.write(bytes);
  }

  /** Ends the connection; `onClosed` is not called for that. */
  destroy(): void {
    this.onClosed = undefined;
    this.closed ??= new Error('closed by this side');
    this.socket.destroy();
  }

  #read(buffer: Buffer, length: number): void {
    const fresh = buffer.subarray(0, length);
    const bytes = this.#kept ? Buffer.concat([this.#kept, fresh]) : fresh;
    if (this.#answered(bytes)) this.#kept = undefined;
    else this.#kept = this.#kept ? bytes : Buffer.from(bytes);
  }

  /** False if more has to come. */
  #answered(bytes: Buffer): boolean {
    const headEnd = bytes.indexOf(HEAD_END);
    if (headEnd < 0) return false;
    const bodyStart = headEnd + HEAD_END.length;
    const head = bytes.toString('latin1', 0, headEnd);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head);
    if (!length && /\r\ntransfer-encoding:/i.test(head)) {
      this.socket.destroy(new Error('an answer came in chunks, which is not understood here'));
      return true;
    }
    const bodyEnd = bodyStart + Number(length?.[1] ?? 0);
    if (bytes.length < bodyEnd) return false;
    const reader = this.#reader;
    this.#reader = undefined;
    if (!reader) {
      this.socket.destroy(new Error(`an answer came that was not asked for: ${head}`));
      return true;
    }
    const status = Number(head.slice(STATUS_AT, STATUS_AT + 3));
    reader(status, bytes, bodyStart, bodyEnd);
    return true;
  }
}

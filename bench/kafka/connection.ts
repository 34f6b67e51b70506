/**
 * One TCP connection of the load generator.
 *
 * Responses are counted, not kept: of each only the first bytes are copied aside (enough to check its
 * error codes), the rest is skipped. All bytes are read into one buffer per connection.
 */
import { connect, type Socket } from 'node:net';

export interface ConnectionHandler {
  /** One whole response has passed: its size without the size field, and its first bytes. */
  onResponse(size: number, head: Buffer): void;
  /** All responses of one read have been handed over: the time to write more. */
  onBurst(): void;
}

const READ_BYTES = 256 * 1024;

export class Connection {
  readonly socket: Socket;
  readonly #head: Buffer;
  #handler: ConnectionHandler | undefined;
  #failure: Error | undefined;
  onFailure: ((error: Error) => void) | undefined;

  // Of the response that is being read: bytes seen so far, counted from its size field.
  #seen = 0;
  #size = 0;

  private constructor(socket: Socket, headBytes: number) {
    this.socket = socket;
    this.#head = Buffer.allocUnsafe(4 + headBytes);
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the broker closed the connection')));
  }

  /** Connects. Of each response the first `headBytes` will be kept for the handler. */
  static open(
    host: string,
    port: number,
    headBytes: number,
    readBytes = READ_BYTES,
  ): Promise<Connection> {
    return new Promise((resolve, reject) => {
      let connection: Connection | undefined;
      const socket = connect({
        host,
        port,
        noDelay: true,
        onread: {
          buffer: Buffer.allocUnsafeSlow(readBytes),
          callback: (count, buffer) => {
            connection?.feed(buffer as Buffer, count);
            return true;
          },
        },
      });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        connection = new Connection(socket, headBytes);
        resolve(connection);
      });
    });
  }

  set handler(handler: ConnectionHandler) {
    this.#handler = handler;
  }

  /** Takes `count` bytes that were read. */
  feed(buffer: Buffer, count: number): void {
    let at = 0;
    while (at < count) {
      const missing = this.#seen < 4 ? 4 - this.#seen : this.#size + 4 - this.#seen;
      const take = Math.min(missing, count - at);
      if (this.#seen < this.#head.length) buffer.copy(this.#head, this.#seen, at, at + take);
      this.#seen += take;
      at += take;
      if (this.#seen === 4) this.#size = this.#head.readUInt32BE(0);
      else if (this.#seen === this.#size + 4) this.#finish();
    }
    this.#handler?.onBurst();
  }

  #finish(): void {
    const size = this.#size;
    this.#seen = 0;
    this.#size = 0;
    this.#handler?.onResponse(size, this.#head.subarray(4, Math.min(4 + size, this.#head.length)));
  }

  /** Sends one request and resolves with the whole response. For the time outside of measurements. */
  call(frame: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      this.onFailure = reject;
      this.#handler = {
        onResponse: (size, head) => {
          if (head.length < size) reject(new Error(`a response of ${size} bytes is too large`));
          else resolve(Buffer.from(head));
        },
        onBurst: () => {},
      };
      this.socket.write(frame);
    });
  }

  close(): void {
    this.#failure ??= new Error('closed');
    this.onFailure = undefined;
    this.socket.destroy();
  }

  #fail(error: Error): void {
    if (this.#failure) return;
    this.#failure = error;
    this.onFailure?.(error);
  }
}

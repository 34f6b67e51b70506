/**
 * One connection of a load generator: a handshake by question and answer, then raw bytes.
 *
 * All connections are read into one buffer, since what is in it is used up before the next read. What a reader
 * leaves (the beginning of a frame) is kept and put in front of what comes next:
 *
 *   0          HEAD_ROOM_BYTES - kept      HEAD_ROOM_BYTES                    end
 *   |   unused   |  kept from the last read  |  what the socket has brought     |
 */
import net from 'node:net';

/** Gets bytes as `buffer[start..end)`, says up to where it has used them, and gets the rest again with what follows. */
export type Reader = (buffer: Buffer, start: number, end: number) => number;

/** The largest frame that a reader may leave in part. */
const HEAD_ROOM_BYTES = 64 * 1024;
const READ_BYTES = 256 * 1024;
const ANSWER_MS_MAX = 20_000;

const shared = Buffer.allocUnsafeSlow(HEAD_ROOM_BYTES + READ_BYTES);
const landing = shared.subarray(HEAD_ROOM_BYTES);

export class Wire {
  readonly socket: net.Socket;
  /** Called when the connection ends and nobody here has ended it. */
  onClosed: ((error: Error) => void) | undefined;
  #ended = false;
  #kept: Buffer = Buffer.alloc(0);
  #reader: Reader = (_buffer, start) => start;

  private constructor(host: string, port: number) {
    this.socket = net.connect({
      host,
      port,
      noDelay: true,
      onread: {
        buffer: landing,
        callback: (count) => {
          this.#onBytes(count);
          return true;
        },
      },
    });
    this.socket.on('error', (error) => this.#end(error));
    this.socket.on('end', () => this.#end(new Error('the broker closed a connection')));
    this.socket.on('close', () => this.#end(new Error('a connection was cut')));
  }

  static async connect({ host, port }: { host: string; port: number }): Promise<Wire> {
    const wire = new Wire(host, port);
    await new Promise<void>((resolve, reject) => {
      wire.socket.once('connect', resolve);
      wire.socket.once('error', reject);
    });
    return wire;
  }

  get open(): boolean {
    return !this.#ended;
  }

  /** Sends a question and resolves with the answer: `lengthOf` says how long it is, 0 while it is not all there. */
  async ask(question: Buffer | string, lengthOf: (bytes: Buffer) => number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const failed = (error: Error) => {
        clearTimeout(timer);
        this.onClosed = undefined;
        reject(error);
      };
      const timer = setTimeout(
        () => failed(new Error('the broker did not answer in time')),
        ANSWER_MS_MAX,
      );
      this.onClosed = failed;
      this.takeOver((buffer, start, end) => {
        const bytes = buffer.subarray(start, end);
        const length = lengthOf(bytes);
        if (length === 0) return start;
        clearTimeout(timer);
        this.onClosed = undefined;
        this.#reader = (_buffer, from) => from;
        resolve(Buffer.from(bytes.subarray(0, length)));
        return start + length;
      });
      this.socket.write(question);
    });
  }

  /** From now on `reader` gets everything, first what is already here. */
  takeOver(reader: Reader): void {
    this.#reader = reader;
    if (this.#kept.length > 0) this.#read(0);
  }

  destroy(): void {
    this.#ended = true;
    this.socket.destroy();
  }

  #onBytes(count: number): void {
    if (this.#ended) return;
    this.#read(count);
  }

  #read(count: number): void {
    const start = HEAD_ROOM_BYTES - this.#kept.length;
    const end = HEAD_ROOM_BYTES + count;
    if (this.#kept.length > 0) this.#kept.copy(shared, start);
    const used = this.#reader(shared, start, end);
    if (used === end) {
      if (this.#kept.length > 0) this.#kept = Buffer.alloc(0);
    } else if (end - used > HEAD_ROOM_BYTES) {
      this.#end(new Error('a frame is larger than a load generator expects'));
    } else this.#kept = Buffer.from(shared.subarray(used, end));
  }

  #end(error: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.socket.destroy();
    this.onClosed?.(error);
  }
}

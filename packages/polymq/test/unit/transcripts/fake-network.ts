/** A network without sockets: tests are the other end of every connection, and time is theirs to move. */
import type {
  Network,
  NetworkListener,
  NetworkSocket,
  SocketHandler,
} from '../../../src/lib/environment/network.ts';

/** The client's end of one connection. */
export class FakeSocket implements NetworkSocket {
  readonly remoteAddress: string;
  readonly remotePort = 50_000;
  readonly localAddress = '127.0.0.1';
  readonly localPort = 5672;
  /** While set, the client does not read: what the broker writes waits. */
  stalled = false;
  /** What the client has sent and the broker has not read. */
  #inbound: Buffer[] = [];
  #outbound: Buffer[] = [];
  #waiting: (() => void)[] = [];
  #handler: SocketHandler | undefined;
  #paused = false;
  #closed = false;

  constructor(remoteAddress: string) {
    this.remoteAddress = remoteAddress;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** What the client does not read; anything else is on its way to it. */
  get pendingBytes(): number {
    if (!this.stalled) return 0;
    return this.#outbound.reduce((sum, { length }) => sum + length, 0);
  }

  start(handler: SocketHandler): void {
    this.#handler = handler;
    this.#pump();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    setImmediate(() => this.#pump());
  }

  write(buffers: readonly Uint8Array[], onSent?: () => void): boolean {
    for (const buffer of buffers) this.#outbound.push(Buffer.from(buffer));
    if (this.stalled) {
      if (onSent) this.#waiting.push(onSent);
      return false;
    }
    if (onSent) setImmediate(onSent);
    return true;
  }

  end(): void {
    this.#close();
  }

  destroy(): void {
    this.#close();
  }

  /** The client sends. */
  send(bytes: Buffer): void {
    this.#inbound.push(bytes);
    this.#pump();
  }

  /** The client reads all there is. */
  receive(): Buffer {
    const all = Buffer.concat(this.#outbound);
    this.#outbound = [];
    return all;
  }

  /** The client reads again. */
  unstall(): void {
    this.stalled = false;
    for (const onSent of this.#waiting.splice(0)) onSent();
    this.#handler?.onDrain();
  }

  /** The client goes away without a word. */
  cut(): void {
    this.#close();
  }

  #pump(): void {
    while (!this.#paused && !this.#closed && this.#handler && this.#inbound.length > 0) {
      const bytes = this.#inbound.shift()!;
      const room = this.#handler.buffer();
      const count = Math.min(room.length, bytes.length);
      room.set(bytes.subarray(0, count));
      if (count < bytes.length) this.#inbound.unshift(bytes.subarray(count));
      this.#handler.onRead(count);
    }
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#waiting = [];
    setImmediate(() => this.#handler?.onClose());
  }
}

export class FakeNetwork implements Network {
  #onSocket: ((socket: NetworkSocket) => void) | undefined;

  async listen(
    { host }: { host: string; port: number },
    onSocket: (socket: NetworkSocket) => void,
  ): Promise<NetworkListener> {
    this.#onSocket = onSocket;
    return { host, port: 5672, close: async () => undefined };
  }

  connect(remoteAddress = '127.0.0.1'): FakeSocket {
    const socket = new FakeSocket(remoteAddress);
    this.#onSocket!(socket);
    return socket;
  }
}

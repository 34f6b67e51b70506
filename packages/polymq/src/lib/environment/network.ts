/** Sockets as protocols need them: reads into memory the reader chose, few large writes. */
export interface Network {
  /**
   * Listens on TCP. Rejects with Node's system error (`EADDRINUSE`, `EACCES`) if it cannot.
   * `onSocket` gets every accepted connection; nothing is read from it before `start`.
   */
  listen(
    options: { host: string; port: number; backlog?: number },
    onSocket: (socket: NetworkSocket) => void,
  ): Promise<NetworkListener>;
}

export interface NetworkListener {
  readonly host: string;
  /** The port really bound, also when port 0 was asked for. */
  readonly port: number;
  /** Stops accepting. Connections that are open stay open. */
  close(): Promise<void>;
}

/** The side that consumes a connection's bytes and events. */
export interface SocketHandler {
  /** Where the next bytes go. Called before each read; must return at least one byte of room. */
  buffer(): Uint8Array;
  /** `count` bytes have arrived in the buffer given last. */
  onRead(count: number): void;
  /** The kernel took everything that was written: `write` may be called again. */
  onDrain(): void;
  /** The connection is over, by either side. Called once; `error` if it broke. */
  onClose(error?: Error): void;
}

export interface NetworkSocket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** Starts reading. */
  start(handler: SocketHandler): void;
  /** Stops reading until `resume`; the peer is held back by TCP. */
  pause(): void;
  resume(): void;
  /**
   * Sends the buffers in one system call where possible. They must not change until `onSent`, which is called
   * once the kernel has taken them all, or the connection is over.
   * Returns false when more than the high-water mark is waiting: stop until `onDrain`.
   */
  write(buffers: readonly Uint8Array[], onSent?: () => void): boolean;
  /** Bytes accepted by `write` that the kernel has not taken yet. */
  readonly pendingBytes: number;
  /** Sends what is waiting, then closes. */
  end(): void;
  /** Closes at once; what is waiting is lost. */
  destroy(): void;
}

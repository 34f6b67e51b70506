/** The client's end of a connection. */
export interface Pipe {
  readonly closed: boolean;
  send(bytes: Buffer): void;
  /** What has come since the last call. */
  receive(): Buffer;
  cut(): void;
  stall?(): void;
  unstall?(): void;
}

/** A broker that a transcript can be run against. */
export interface Peer {
  connect(remoteAddress: string | undefined): Promise<Pipe> | Pipe;
  /** Resolves when nothing more is expected to come; `busy` looks for news. */
  settle(busy: () => boolean): Promise<void>;
  advance?(durationMs: number): Promise<void>;
  restart?(how: 'crash' | 'stop'): Promise<void>;
}

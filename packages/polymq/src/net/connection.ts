/**
 * The peer's and our end of one TCP connection, cut into frames and handed to a session.
 *
 * It counts bytes, notes when there was traffic, and ends the connection when the peer breaks the protocol: one
 * log line, one count. After its end nothing more is handed out and nothing more is written.
 */
import { ProtocolError } from '../lib/bytes/protocol-error.ts';
import type { Counter } from '../lib/counters.ts';
import type { NetworkSocket, SocketHandler } from '../lib/environment/network.ts';
import type { Logger } from '../lib/logger.ts';
import type { ByteReader, ReadMemory } from './byte-reader.ts';
import { FrameReader, type Framing } from './frame-reader.ts';
import { SpanReader } from './span-reader.ts';

/** What a protocol does with one connection. Called by `Connection`, never concurrently. */
export interface Session {
  /** The peer waits for an answer: its silence is not idleness. Missing: never. */
  readonly busy?: boolean;
  /**
   * For protocols with framing: one whole frame, the session's to keep. A `ProtocolError` thrown here closes the
   * connection.
   */
  onFrame?(frame: Buffer): void;
  /**
   * For protocols without: what has arrived and was not consumed yet, valid during the call only. Returns how many
   * bytes it has consumed; the rest comes again with more behind it, or after `Connection.proceed`. Calls
   * `Connection.greet` once the peer has shown that it speaks the protocol.
   */
  onSpan?(buffer: Buffer, start: number, end: number): number;
  /** What was written has been sent. */
  onDrain(): void;
  /** The connection is over. Called once. */
  onClose(): void;
  /** The broker is stopping: finish what is under way, then close the connection. */
  drain(): void;
}

export interface ConnectionCounters {
  bytesIn: Counter;
  bytesOut: Counter;
  protocolErrors: Counter;
}

/** The peer's and our end of one TCP connection, cut into frames. */
export class Connection implements SocketHandler {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly openedMs: number;
  /** When bytes last arrived or left, by the monotonic clock of the last sweep. */
  lastActiveMs: number;
  #greeted = false;
  #active = true;
  readonly #socket: NetworkSocket;
  readonly #counters: ConnectionCounters;
  readonly #logger: Logger;
  readonly #onClosed: (connection: Connection) => void;
  #reader: ByteReader | undefined;
  #session: Session | undefined;
  #closed = false;
  #paused = false;

  constructor(
    socket: NetworkSocket,
    openedMs: number,
    counters: ConnectionCounters,
    logger: Logger,
    onClosed: (connection: Connection) => void,
  ) {
    this.#socket = socket;
    this.openedMs = openedMs;
    this.lastActiveMs = openedMs;
    this.#counters = counters;
    this.#logger = logger;
    this.#onClosed = onClosed;
    this.remoteAddress = socket.remoteAddress;
    this.remotePort = socket.remotePort;
    this.localAddress = socket.localAddress;
    this.localPort = socket.localPort;
  }

  start(framing: Framing | undefined, memory: ReadMemory, session: Session): void {
    this.#session = session;
    this.#reader = framing
      ? new FrameReader(framing, memory, (frame) => {
          this.#greeted = true;
          session.onFrame!(frame);
        })
      : new SpanReader(memory, (buffer, start, end) => session.onSpan!(buffer, start, end));
    this.#socket.start(this);
  }

  /** The peer speaks the protocol: it is no longer bound to the time limit of a first frame. */
  greet(): void {
    this.#greeted = true;
  }

  /** Hands the session the bytes that it has not consumed yet, now. */
  proceed(): void {
    if (this.#closed) return;
    this.#guard(() => this.#reader?.proceed());
  }

  get session(): Session | undefined {
    return this.#session;
  }

  /** Whether a whole frame has arrived yet. */
  get greeted(): boolean {
    return this.#greeted;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Bytes written that the kernel has not taken yet. */
  get pendingBytes(): number {
    return this.#socket.pendingBytes;
  }

  /** Whether there was traffic since the last call. */
  takeActive(): boolean {
    const active = this.#active;
    this.#active = false;
    return active;
  }

  /**
   * Sends buffers, at least one, in one go. False: enough is waiting, stop until `Session.onDrain`. `onSent` is called
   * when their memory may be used again; not if the connection was closed before.
   */
  write(buffers: readonly Uint8Array[], bytes: number, onSent?: () => void): boolean {
    if (this.#closed) return true;
    this.#active = true;
    this.#counters.bytesOut.value += bytes;
    return this.#socket.write(buffers, onSent);
  }

  /** Stops reading: TCP holds the peer back. Frames that have arrived already still come. */
  pause(): void {
    if (this.#paused || this.#closed) return;
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused || this.#closed) return;
    this.#paused = false;
    this.#socket.resume();
  }

  /** Sends what is waiting, then closes. No frame is handed out any more. */
  end(): void {
    this.#reader?.stop();
    this.#socket.end();
  }

  destroy(): void {
    this.#reader?.stop();
    this.#socket.destroy();
  }

  /** Closes because the peer broke the protocol: one log line, one count. */
  fail(error: ProtocolError): void {
    if (this.#closed) return;
    this.noteProtocolError(error.message);
    this.destroy();
  }

  /** For sessions that tell the peer before they close: the log line and the count of `fail`. */
  noteProtocolError(reason: string): void {
    this.#counters.protocolErrors.value += 1;
    const peer = `${this.remoteAddress}:${this.remotePort}`;
    this.#logger.warn({ peer, reason }, 'closed a connection: protocol error');
  }

  buffer(): Uint8Array {
    return this.#reader!.buffer();
  }

  onRead(count: number): void {
    this.#active = true;
    this.#counters.bytesIn.value += count;
    this.#guard(() => this.#reader!.onRead(count));
  }

  onDrain(): void {
    this.#session?.onDrain();
  }

  onClose(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reader?.stop();
    this.#session?.onClose();
    this.#onClosed(this);
  }

  #guard(read: () => void): void {
    try {
      read();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.fail(error);
    }
  }
}

/**
 * One Kafka connection: requests in, responses out, in the same order.
 *
 * Responses must leave in the order of their requests. As in Apache Kafka, a request starts when the one
 * before it has been answered; only produce requests overlap, since their batches are appended when they
 * start and they then merely wait for the disk together.
 *
 *   waiting            running (all produce, or one other)        answered, in order
 *   [r5][r4]    ──►    [r3 …][r2 done][r1 …]               ──►    one write per turn
 *
 * Limits: `REQUESTS_MAX` and `REQUEST_BYTES_MAX` under way, the bytes that all connections together have
 * under way, and unsent response bytes; beyond any of them the connection stops reading.
 */
import { release } from '../../lib/arena.ts';
import { ProtocolError } from '../../lib/bytes/protocol-error.ts';
import { Fifo } from '../../lib/fifo.ts';
import type { Connection, Session } from '../../net/connection.ts';
import { joinSmall } from '../../net/join-small.ts';
import { decodeRequestHeader } from './codec/headers.ts';
import type { Handling } from './request-context.ts';
import type { KafkaServer } from './server.ts';

const REQUESTS_MAX = 256;
const REQUEST_BYTES_MAX = 64 * 1024 * 1024;
const PRODUCE_KEY = 0;
/** The size in front of every frame. */
const SIZE_BYTES = 4;

interface Slot {
  frame: Buffer;
  overlaps: boolean;
  /** Undefined until answered; empty for a request that wants no response. */
  response: Buffer[] | undefined;
}

export class KafkaSession implements Session {
  readonly #connection: Connection;
  readonly #server: KafkaServer;
  readonly #waiting = new Fifo<Buffer>();
  /** Started requests in order, the oldest first. */
  readonly #running: Slot[] = [];
  readonly #closed = new AbortController();
  readonly #handling: Handling;
  #waitingBytes = 0;
  #runningBytes = 0;
  #flushScheduled = false;
  #draining = false;
  #sendBlocked = false;
  /** Bytes of responses that the kernel has not taken, as charged to the budget. */
  #unsentBytes = 0;

  constructor(connection: Connection, server: KafkaServer) {
    this.#connection = connection;
    this.#server = server;
    this.#handling = { connection, closed: this.#closed.signal };
  }

  onFrame(frame: Buffer): void {
    if (this.#draining) return;
    if (this.#waiting.length === 0 && this.#mayStart(frame)) this.#start(frame);
    else {
      this.#waiting.push(frame);
      this.#waitingBytes += frame.length;
    }
    this.#server.requestBytes.charge(frame.length);
    this.#holdBack();
  }

  onDrain(): void {
    this.#sendBlocked = false;
    this.#chargeUnsent();
    this.#holdBack();
  }

  onClose(): void {
    this.#forgetWaiting();
    this.#server.requestBytes.forget(this.#holdBack);
    this.#chargeUnsent();
    this.#closed.abort();
  }

  drain(): void {
    this.#draining = true;
    this.#forgetWaiting();
    this.#closed.abort();
    this.#endWhenDrained();
  }

  #mayStart(frame: Buffer): boolean {
    const oldest = this.#running[0];
    if (oldest === undefined) return true;
    // What runs is either one request or all produce, so the oldest speaks for all.
    return oldest.overlaps && frame.readInt16BE(SIZE_BYTES) === PRODUCE_KEY;
  }

  #start(frame: Buffer): void {
    const header = decodeRequestHeader(frame, SIZE_BYTES);
    const slot: Slot = {
      frame,
      overlaps: header.apiKey === PRODUCE_KEY,
      response: undefined,
    };
    this.#running.push(slot);
    this.#runningBytes += frame.length;
    const response = this.#server.handle(frame, header, this.#handling);
    if (response instanceof Promise) {
      response.then(
        (buffers) => this.#answer(slot, buffers),
        (error: unknown) => this.#crash(error),
      );
    } else this.#answer(slot, response);
  }

  #answer(slot: Slot, response: Buffer[]): void {
    slot.response = response;
    if (this.#flushScheduled || this.#running[0]?.response === undefined) return;
    this.#flushScheduled = true;
    this.#server.environment.timers.immediate(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  /** Sends what is answered in order, starts what may start now. */
  #flush(): void {
    const out: Buffer[] = [];
    let bytes = 0;
    let count = 0;
    for (const slot of this.#running) {
      if (slot.response === undefined) break;
      for (const buffer of slot.response) {
        out.push(buffer);
        bytes += buffer.length;
      }
      this.#runningBytes -= slot.frame.length;
      this.#server.requestBytes.release(slot.frame.length);
      // Handlers keep copies; what the log keeps of a produce request it has retained for itself.
      release(slot.frame);
      count += 1;
    }
    this.#running.splice(0, count);
    if (out.length > 0) {
      // Records that were read from the log's memory are in use until the kernel has them.
      const sent = this.#connection.write(joinSmall(out), bytes, () => out.forEach(release));
      if (!sent) this.#sendBlocked = true;
      this.#chargeUnsent();
    }
    this.#startWaiting();
    this.#holdBack();
    if (this.#draining) this.#endWhenDrained();
  }

  #startWaiting(): void {
    try {
      for (;;) {
        const frame = this.#waiting.peek();
        if (frame === undefined || !this.#mayStart(frame)) return;
        this.#waiting.take();
        this.#waitingBytes -= frame.length;
        this.#start(frame);
      }
    } catch (error) {
      if (error instanceof ProtocolError) this.#connection.fail(error);
      else this.#crash(error);
    }
  }

  /** Reads on, or not. A bound function, since the budget calls it back. */
  readonly #holdBack = (): void => {
    const requests = this.#waiting.length + this.#running.length;
    const bytes = this.#waitingBytes + this.#runningBytes;
    const full = requests >= REQUESTS_MAX || bytes >= REQUEST_BYTES_MAX || this.#sendBlocked;
    const shared = this.#server.requestBytes;
    if (full) this.#connection.pause();
    else if (shared.room > 0) this.#connection.resume();
    else {
      this.#connection.pause();
      shared.onRoom(this.#holdBack);
    }
  };

  #forgetWaiting(): void {
    this.#server.requestBytes.release(this.#waitingBytes);
    this.#waiting.clear();
    this.#waitingBytes = 0;
  }

  #chargeUnsent(): void {
    const unsent = this.#connection.closed ? 0 : this.#connection.pendingBytes;
    this.#server.responseBytes.charge(unsent - this.#unsentBytes);
    this.#unsentBytes = unsent;
  }

  #endWhenDrained(): void {
    if (this.#running.length === 0) this.#connection.end();
  }

  /** A bug, or bytes that a handler's decoder refused: the connection ends, the broker goes on. */
  #crash(error: unknown): void {
    if (error instanceof ProtocolError) {
      this.#connection.fail(error);
      return;
    }
    this.#server.logger.error({ error, peer: this.#connection.remoteAddress }, 'request failed');
    this.#connection.destroy();
  }
}

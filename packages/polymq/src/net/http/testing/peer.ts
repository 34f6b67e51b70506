/** A client without a socket: bytes are put into a connection as a test cuts them, and what comes back is gathered. */
import { ArenaPool, ArenaWriter } from '../../../lib/arena.ts';
import { ByteBudget } from '../../../lib/byte-budget.ts';
import { CounterRegistry } from '../../../lib/counters.ts';
import type { NetworkSocket } from '../../../lib/environment/network.ts';
import { SimulatedClock } from '../../../lib/environment/simulated/simulated-clock.ts';
import { silentLogger } from '../../../lib/logger.ts';
import type { ReadMemory } from '../../byte-reader.ts';
import { Connection } from '../../connection.ts';
import type { HttpAnswer, HttpExchange, HttpService } from '../http-exchange.ts';
import { HttpSession } from '../http-session.ts';

const SCRATCH_BYTES = 64 * 1024;
const arenas = new ArenaPool(1024 * 1024);
const memory: ReadMemory = {
  scratch: Buffer.alloc(SCRATCH_BYTES),
  arenas,
  frames: new ArenaWriter(arenas, SCRATCH_BYTES),
};

export class Peer {
  readonly clock: SimulatedClock = new SimulatedClock();
  readonly connection: Connection;
  /** What requests hold that have not arrived whole. */
  readonly arriving: ByteBudget;
  readonly session: HttpSession;
  /** One text for each write. */
  readonly writes: string[] = [];
  /** The broker has closed its side. */
  ended = false;
  destroyed = false;
  paused = false;
  /** What the kernel is said to hold back still. */
  pendingBytes = 0;
  /** `write` says that enough is waiting. */
  full = false;

  constructor(service: HttpService, arriving: ByteBudget = new ByteBudget(1024 * 1024)) {
    this.arriving = arriving;
    const socket: NetworkSocket = {
      remoteAddress: '127.0.0.1',
      remotePort: 50_000,
      localAddress: '127.0.0.1',
      localPort: 9324,
      start: () => undefined,
      pause: () => this.#setPaused(true),
      resume: () => this.#setPaused(false),
      write: (buffers) => {
        this.writes.push(Buffer.concat(buffers).toString('latin1'));
        return !this.full;
      },
      pendingBytes: 0,
      end: () => {
        this.ended = true;
      },
      destroy: () => {
        this.destroyed = true;
        this.close();
      },
    };
    Object.defineProperty(socket, 'pendingBytes', { get: () => this.pendingBytes });
    const counters = new CounterRegistry();
    const counts = {
      bytesIn: counters.counter('in'),
      bytesOut: counters.counter('out'),
      protocolErrors: counters.counter('errors'),
    };
    this.connection = new Connection(socket, 0, counts, silentLogger, () => undefined);
    const options = { clock: this.clock, timers: this.clock, logger: silentLogger, arriving };
    this.session = new HttpSession(this.connection, service, options);
    this.connection.start(undefined, memory, this.session);
  }

  /** Everything that came back. */
  get output(): string {
    return this.writes.join('');
  }

  /** Sends bytes, in pieces of `step` if given. */
  send(bytes: string | Buffer, step: number = Number.POSITIVE_INFINITY): this {
    const input = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    for (let at = 0; at < input.length; ) {
      const room = this.connection.buffer();
      const count = Math.min(step, input.length - at, room.length);
      room.set(input.subarray(at, at + count));
      // What lay there before must not be taken for input.
      room.fill(0x0a, count, Math.min(room.length, count + 16));
      this.connection.onRead(count);
      at += count;
    }
    return this;
  }

  drained(): void {
    this.full = false;
    this.connection.onDrain();
  }

  /** The client has gone. */
  close(): void {
    this.connection.onClose();
  }

  #setPaused(paused: boolean): void {
    this.paused = paused;
  }
}

export interface SeenRequest {
  method: string;
  target: string;
  headers: string;
  body: string;
}

/** Notes every request, and answers it with its number unless it is to be held. */
export class RecordingService implements HttpService {
  bodyBytesMax = 1000;
  hold = false;
  readonly seen: SeenRequest[] = [];
  readonly held: HttpExchange[] = [];

  handle(exchange: HttpExchange): void {
    const { method, target, headers, body } = exchange.request;
    this.seen.push({
      method,
      target,
      headers: headers.map(([name, value]) => `${name}=${value}`).join('\n'),
      body: body.toString('latin1'),
    });
    if (this.hold) this.held.push(exchange);
    else exchange.answer(textAnswer(`answer ${this.seen.length}`));
  }

  refuse(status: number, reason: string): HttpAnswer {
    return { status, contentType: 'text/plain', body: `refused: ${reason}` };
  }
}

export function textAnswer(body: string): HttpAnswer {
  return { status: 200, contentType: 'text/plain', body };
}

/** The statuses of all answers in a text, in order. */
export function statusesIn(output: string): number[] {
  return [...output.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
}

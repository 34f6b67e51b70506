/**
 * What clients did with queues and saw of them: messages published to one or more queues, given to consumers,
 * settled (acknowledged, requeued or rejected), and what was left at the very end.
 *
 * AMQP does not answer an acknowledgement, so nobody is told when one is stored. But a connection's frames are
 * handled in order: when a message that was published on the same connection after the acknowledgement is
 * confirmed, the acknowledgement is stored too. That moment is `committedAt`; before it a crash may undo it.
 * Where a protocol does answer, the answer is that moment.
 */
import type { Outcome } from './history.ts';

/** One message and the queues that it must reach. */
export interface Publish {
  /** Unique over the whole run. */
  value: string;
  /** One channel: it published its values in this order. */
  producer: string;
  queues: readonly string[];
  /** Whether it must survive a crash once it is confirmed. */
  persistent: boolean;
  /** Of a FIFO queue: in it, what was published first is settled before the next is delivered. */
  group?: string | undefined;
  /** Stored once however often its publisher had to send it. */
  once?: boolean | undefined;
  /** Of a transaction: all that have the same name are stored, or none is. */
  unit?: string | undefined;
  invokedAt: number;
  /** Infinity while it is not known, and for `info`. */
  endedAt: number;
  /** When nobody waited any longer for what became of it; only for `info`. */
  givenUpAt?: number | undefined;
  outcome: Outcome;
}

export interface Delivery {
  queue: string;
  value: string;
  /** One consumer on one connection: what it gets comes in the order of the queue. */
  reader: string;
  redelivered: boolean;
  /** Where messages are asked for: when the request was sent that got it. Messages of one answer share it. */
  askedAt?: number | undefined;
  at: number;
}

type PublishWhat = Pick<
  Publish,
  'value' | 'producer' | 'queues' | 'persistent' | 'group' | 'once' | 'unit'
>;
type DeliveryWhat = Pick<Delivery, 'queue' | 'value' | 'reader' | 'redelivered' | 'askedAt'>;

export type SettlementKind = 'ack' | 'requeue' | 'reject';

export interface Settlement {
  queue: string;
  value: string;
  reader: string;
  kind: SettlementKind;
  at: number;
  /** When it was known to be stored; Infinity if that never was known. */
  committedAt: number;
}

/** A subscriber that its broker remembers while it is away; here its messages are a queue of its name. */
export interface Session {
  queue: string;
  /** It knows what it was sent before, so it takes a message once. */
  once: boolean;
}

/** All that a queue held at the very end, in its order. */
export interface QueueDrain {
  queue: string;
  values: string[];
  redelivered: boolean[];
}

export interface Clock {
  tick(): number;
  write(line: object): void;
}

export class QueueHistory {
  /** Every queue, and where it puts what is rejected. */
  readonly deadLetters: Map<string, string | undefined> = new Map();
  /** When each reader's connection was opened: what it gets, the broker sent after that. */
  readonly readers: Map<string, number> = new Map();
  readonly sessions: Session[] = [];
  readonly publishes: Publish[] = [];
  readonly deliveries: Delivery[] = [];
  readonly settlements: Settlement[] = [];
  readonly drains: QueueDrain[] = [];
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    const drained = this.drains.reduce((sum, drain) => sum + drain.values.length, 0);
    return this.publishes.length + this.deliveries.length + this.settlements.length + drained;
  }

  declared(queue: string, deadLetter?: string): void {
    this.deadLetters.set(queue, deadLetter);
    this.#clock.write({ type: 'queue', queue, deadLetter });
  }

  /** Declares the queue, too. */
  session(session: Session): void {
    this.declared(session.queue);
    this.sessions.push(session);
    this.#clock.write({ type: 'session', ...session });
  }

  publish(what: PublishWhat): Publish {
    const at = this.#clock.tick();
    this.#clock.write({ type: 'publish', ...what, at });
    return this.#publish(what, at);
  }

  published(publish: Publish, outcome: Outcome, error?: string): void {
    const at = this.#clock.tick();
    this.#clock.write({ type: 'published', value: publish.value, outcome, error, at });
    end(publish, outcome, at);
  }

  /** To be called before the connection of this reader is made. */
  opening(reader: string): void {
    const at = this.#clock.tick();
    this.readers.set(reader, at);
    this.#clock.write({ type: 'opening', reader, at });
  }

  /** To be called before a request for messages is sent; for `askedAt`. */
  asking(): number {
    return this.#clock.tick();
  }

  delivered(what: DeliveryWhat): void {
    const delivery = { ...what, at: this.#clock.tick() };
    this.#clock.write({ type: 'delivered', ...delivery });
    this.deliveries.push(delivery);
  }

  /** To be called when the settlement is written to the connection. */
  settle(what: Pick<Settlement, 'queue' | 'value' | 'reader' | 'kind'>): Settlement {
    const at = this.#clock.tick();
    this.#clock.write({ type: 'settle', ...what, at });
    return this.#settle(what, at);
  }

  /** A message that was published after it on the same connection was confirmed. */
  committed(settlements: readonly Settlement[]): void {
    const at = this.#clock.tick();
    for (const each of settlements) each.committedAt = at;
    this.#clock.write({ type: 'settled', settled: settlements.map((each) => each.at), at });
  }

  drained(drain: QueueDrain): void {
    this.#clock.write({ type: 'queue-drained', ...drain });
    this.drains.push(drain);
  }

  /** Takes up the lines that were written; true for those that are about queues. */
  replayer(): (line: object) => boolean {
    const publishes = new Map<string, Publish>();
    const settlements = new Map<number, Settlement>();
    return (given) => {
      const line = given as Recorded;
      if (line.type === 'queue') this.deadLetters.set(line.queue, line.deadLetter);
      else if (line.type === 'session') this.sessions.push(line);
      else if (line.type === 'opening') this.readers.set(line.reader, line.at);
      else if (line.type === 'publish') publishes.set(line.value, this.#publish(line, line.at));
      else if (line.type === 'published') end(publishes.get(line.value)!, line.outcome, line.at);
      else if (line.type === 'delivered') this.deliveries.push(line);
      else if (line.type === 'settle') settlements.set(line.at, this.#settle(line, line.at));
      else if (line.type === 'settled') {
        for (const began of line.settled) settlements.get(began)!.committedAt = line.at;
      } else if (line.type === 'queue-drained') this.drains.push(line);
      else return false;
      return true;
    };
  }

  #publish(what: PublishWhat, invokedAt: number): Publish {
    const { value, producer, queues, persistent, group, once, unit } = what;
    const named = { value, producer, queues, persistent, group, once, unit };
    const ended = { endedAt: Number.POSITIVE_INFINITY, outcome: 'info' as const };
    const publish: Publish = { ...named, invokedAt, ...ended };
    this.publishes.push(publish);
    return publish;
  }

  #settle(what: Pick<Settlement, 'queue' | 'value' | 'reader' | 'kind'>, at: number): Settlement {
    const { queue, value, reader, kind } = what;
    const settlement = { queue, value, reader, kind, at, committedAt: Number.POSITIVE_INFINITY };
    this.settlements.push(settlement);
    return settlement;
  }
}

function end(publish: Publish, outcome: Outcome, at: number): void {
  publish.outcome = outcome;
  publish.endedAt = outcome === 'info' ? Number.POSITIVE_INFINITY : at;
  if (outcome === 'info') publish.givenUpAt = at;
}

type Recorded =
  | { type: 'opening'; reader: string; at: number }
  | { type: 'queue'; queue: string; deadLetter?: string }
  | ({ type: 'session' } & Session)
  | ({ type: 'publish'; at: number } & PublishWhat)
  | { type: 'published'; at: number; value: string; outcome: Outcome }
  | ({ type: 'delivered' } & Delivery)
  | ({ type: 'settle'; at: number } & Pick<Settlement, 'queue' | 'value' | 'reader' | 'kind'>)
  | { type: 'settled'; at: number; settled: number[] }
  | ({ type: 'queue-drained' } & QueueDrain);

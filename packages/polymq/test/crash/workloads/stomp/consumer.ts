/**
 * One consumer of one queue: it acknowledges, gives back or rejects what it gets after a random while, one by one out of order
 * or, with `ack:client`, all up to one; some in transactions. Some answers ask for a receipt, which says that it and all
 * that were written before it are stored.
 */
import type { QueueHistory, Settlement, SettlementKind } from '../../../checker/queue-history.ts';
import type { StompFrame, StompWire } from '../../../support/stomp-wire.ts';
import { decodeValue } from '../values.ts';
import { Actor, type ActorOptions, pause } from './actor.ts';
import type { Consumed } from './topology.ts';

interface Held {
  /** What an answer names. */
  id: string;
  value: string;
}

const PREFETCH = 40;
const TICK_MS_MAX = 10;
const SETTLE_CHANCE = 0.6;
const RETURN_CHANCE = 0.1;
const REJECT_CHANCE = 0.1;
const RECEIPT_CHANCE = 0.1;
const TRANSACTION_CHANCE = 0.15;
const ABORT_CHANCE = 0.3;

export class Consumer extends Actor {
  readonly #consumed: Consumed;
  readonly #history: QueueHistory;
  #reader = '';
  #held: Held[] = [];
  /** Written, and not known to be stored. */
  #settled: Settlement[] = [];
  #transactions = 0;

  constructor(options: ActorOptions & { consumed: Consumed }) {
    super(options);
    this.#consumed = options.consumed;
    this.#history = options.history;
  }

  protected override async live(life: number): Promise<void> {
    const { name, random } = this.options;
    const { destination, ack } = this.#consumed;
    const reader = `${name}#${life}`;
    this.#reader = reader;
    this.#held = [];
    this.#settled = [];
    this.#history.opening(reader);
    const wire = await this.connect((frame) => {
      if (this.#reader === reader) this.#onFrame(frame);
    });
    const subscription = { id: 's', destination, ack, 'prefetch-count': String(PREFETCH) };
    await wire.request('SUBSCRIBE', subscription);
    while (!this.stopping && !wire.closed) {
      await pause(random.between(0, TICK_MS_MAX));
      if (!wire.closed) this.#work(wire);
    }
    if (wire.closed) throw wire.closed;
    // One without answers, so that what was settled before it is known to be stored.
    const transaction = `${reader}-last`;
    wire.send('BEGIN', { transaction });
    this.#mark(wire, 'COMMIT', { transaction });
    await this.untilReceived(wire);
    await wire.disconnect();
  }

  #onFrame({ command, headers, body }: StompFrame): void {
    if (command !== 'MESSAGE') {
      this.complain(`was sent ${command}`);
      return;
    }
    const { queue } = this.#consumed;
    const value = decodeValue(body);
    const redelivered = headers['redelivered'] === 'true';
    this.#history.delivered({ queue, value, reader: this.#reader, redelivered });
    if ((headers['crash-id'] ?? value) !== value) {
      this.complain(`value ${value} came with the header of ${headers['crash-id']}`);
    }
    this.#held.push({ id: headers['ack']!, value });
  }

  #work(wire: StompWire): void {
    const { random } = this.options;
    if (this.#held.length === 0) return;
    if (this.#consumed.ack === 'client') {
      if (!random.chance(SETTLE_CHANCE)) return;
      this.#answer(wire, this.#held.splice(0, random.between(1, this.#held.length)));
      return;
    }
    const some = this.#held.filter(() => random.chance(SETTLE_CHANCE));
    this.#held = this.#held.filter((each) => !some.includes(each));
    if (random.chance(TRANSACTION_CHANCE) && some.length > 0) this.#inTransaction(wire, some);
    else for (const each of some) this.#answer(wire, [each]);
  }

  /** Answers the last one, which with `ack:client` is for all of them. */
  #answer(wire: StompWire, some: readonly Held[]): void {
    const { random } = this.options;
    const { ack, rejects } = this.#consumed;
    const dice = random.next();
    const { id } = some.at(-1)!;
    if (dice < RETURN_CHANCE) {
      this.#settle(some, 'requeue');
      this.#send(wire, 'NACK', { id });
    } else if (rejects && dice < RETURN_CHANCE + REJECT_CHANCE) {
      this.#settle(some, 'reject');
      this.#send(wire, 'NACK', { id, requeue: 'false' });
    } else {
      this.#settle(some, 'ack');
      this.#send(wire, 'ACK', { id });
    }
    if (ack === 'client-individual' && some.length > 1) this.complain('answered several at once');
  }

  #inTransaction(wire: StompWire, some: readonly Held[]): void {
    const { random } = this.options;
    this.#transactions += 1;
    const transaction = `${this.#reader}-${this.#transactions}`;
    wire.send('BEGIN', { transaction });
    for (const { id } of some) wire.send('ACK', { id, transaction });
    if (random.chance(ABORT_CHANCE)) {
      // As if nothing had been said: they are still to be answered.
      wire.send('ABORT', { transaction });
      for (const each of some) this.#answer(wire, [each]);
      return;
    }
    this.#settle(some, 'ack');
    this.#mark(wire, 'COMMIT', { transaction });
  }

  #send(wire: StompWire, command: string, headers: Record<string, string>): void {
    if (this.options.random.chance(RECEIPT_CHANCE)) this.#mark(wire, command, headers);
    else wire.send(command, headers);
  }

  #settle(some: readonly Held[], kind: SettlementKind): void {
    const { queue } = this.#consumed;
    for (const { value } of some) {
      this.#settled.push(this.#history.settle({ queue, value, reader: this.#reader, kind }));
    }
  }

  #mark(wire: StompWire, command: string, headers: Record<string, string>): void {
    const settled = this.#settled;
    this.#settled = [];
    this.ask(wire, command, headers, '', (done) => {
      if (!done) return;
      this.#history.committed(settled);
      this.options.onDone(settled.length);
    });
  }
}

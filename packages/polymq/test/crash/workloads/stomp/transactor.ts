/**
 * One publisher that sends in transactions, one after the other or two at a time: most it commits, some it aborts, some it
 * leaves open when it goes. A commit without a receipt is unknown; all of the transaction is stored then, or nothing.
 */
import type { Publish } from '../../../checker/queue-history.ts';
import type { StompWire } from '../../../support/stomp-wire.ts';
import { encodeValue } from '../values.ts';
import { Actor, pause } from './actor.ts';
import { ALL_ROUTES } from './topology.ts';

const OPEN_MAX = 4;
const MESSAGES_MAX = 8;
const PAUSE_MS_MAX = 15;
const ABORT_CHANCE = 0.15;
const LEAVE_CHANCE = 0.02;

export class Transactor extends Actor {
  #transactions = 0;

  protected override async live(life: number): Promise<void> {
    const { random } = this.options;
    const wire = await this.connect((frame) => this.complain(`was sent ${frame.command}`));
    while (!this.stopping && !wire.closed) {
      if (this.pending < OPEN_MAX) await this.#transaction(wire, life);
      await pause(random.between(0, PAUSE_MS_MAX));
      if (random.chance(LEAVE_CHANCE)) {
        this.#ended([this.#send(wire, life, this.#begin(wire))], 'fail');
        wire.destroy();
        return;
      }
    }
    await this.untilReceived(wire);
    await wire.disconnect();
  }

  async #transaction(wire: StompWire, life: number): Promise<void> {
    const { random, onDone } = this.options;
    const transaction = this.#begin(wire);
    const publishes: Publish[] = [];
    const count = random.between(1, MESSAGES_MAX);
    for (let i = 0; i < count && !wire.closed; i += 1) {
      publishes.push(this.#send(wire, life, transaction));
      if (random.chance(0.2)) await pause(1);
    }
    if (wire.closed) {
      this.#ended(publishes, 'fail');
      return;
    }
    if (random.chance(ABORT_CHANCE)) {
      this.#ended(publishes, 'fail');
      this.ask(wire, 'ABORT', { transaction }, '', () => undefined);
      return;
    }
    this.ask(wire, 'COMMIT', { transaction }, '', (done) => {
      this.#ended(publishes, done ? 'ok' : 'info');
      if (done) onDone(publishes.length);
    });
  }

  #begin(wire: StompWire): string {
    this.#transactions += 1;
    const transaction = `${this.options.name}-${this.#transactions}`;
    wire.send('BEGIN', { transaction });
    return transaction;
  }

  #send(wire: StompWire, life: number, transaction: string): Publish {
    const { name, random, history, nextValue } = this.options;
    const { destination, queues } = random.pick(ALL_ROUTES);
    const value = nextValue();
    const unit = transaction;
    const producer = `${name}#${life}`;
    const publish = history.publish({ value, producer, queues, persistent: true, unit });
    const headers = { destination, persistent: 'true', transaction };
    wire.send('SEND', headers, encodeValue(value));
    return publish;
  }

  #ended(publishes: readonly Publish[], outcome: 'ok' | 'fail' | 'info'): void {
    for (const each of publishes) this.options.history.published(each, outcome);
  }
}

/**
 * One consumer of one queue, with manual acknowledgements: it acknowledges, requeues or rejects what it gets
 * after a random while and out of order, and leaves some unsettled until its connection ends.
 *
 * From time to time it publishes a marker on the same channel. The confirm of the marker says that all
 * settlements that were written before it are stored.
 */
import type { QueueHistory, Settlement, SettlementKind } from '../../../checker/queue-history.ts';
import {
  type AmqpChannel,
  AmqpClosed,
  AmqpWire,
  type Content,
} from '../../../support/amqp-wire.ts';
import type { SeededRandom } from '../../random.ts';
import { decodeValue } from '../values.ts';
import { MARKER_QUEUE } from './topology.ts';

export interface ConsumerOptions {
  name: string;
  queue: string;
  port: number;
  random: SeededRandom;
  history: QueueHistory;
  /** Settlements that are now known to be stored. */
  onCommitted(count: number): void;
  onError(error: unknown): void;
  onProblem(problem: string): void;
}

interface Held {
  tag: number;
  value: string;
}

const PREFETCH = 40;
const TICK_MS_MAX = 10;
const SETTLE_CHANCE = 0.6;
const REQUEUE_CHANCE = 0.1;
const REJECT_CHANCE = 0.1;
const MULTIPLE_CHANCE = 0.15;
const MARKER_CHANCE = 0.5;
const RECONNECT_MS = 40;
const LAST_MARKER_MS_MAX = 20_000;

export class Consumer {
  readonly #options: ConsumerOptions;
  #stopping = false;
  #ended: Promise<void> | undefined;
  #reader = '';
  #held: Held[] = [];
  /** Written since the last marker. */
  #settled: Settlement[] = [];
  /** By the number of the marker, in order. */
  readonly #marked = new Map<number, Settlement[]>();
  #markers = 0;

  constructor(options: ConsumerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#ended = this.#run();
  }

  async finish(): Promise<void> {
    this.#stopping = true;
    await this.#ended;
  }

  async #run(): Promise<void> {
    const { name, onError, onProblem } = this.#options;
    for (let life = 1; !this.#stopping; life += 1) {
      this.#reader = `${name}#${life}`;
      this.#held = [];
      this.#settled = [];
      this.#marked.clear();
      this.#markers = 0;
      try {
        await this.#consume();
      } catch (error) {
        onError(error);
        if (error instanceof AmqpClosed && error.code !== 320) onProblem(`${name}: ${error}`);
        await pause(RECONNECT_MS);
      }
    }
  }

  async #consume(): Promise<void> {
    const { port, queue, random, history } = this.#options;
    history.opening(this.#reader);
    const wire = await AmqpWire.connect({ port, connectTimeoutMs: 2000 });
    const channel = await wire.openChannel();
    await channel.call('confirm.select');
    await channel.call('basic.qos', { prefetchCount: PREFETCH });
    const life = this.#reader;
    channel.onMethod = (method, args, content) => {
      if (this.#reader === life) this.#onMethod(method, args, content);
    };
    await channel.call('basic.consume', { queue, consumerTag: life });
    while (!this.#stopping && !channel.closed) {
      await pause(random.between(0, TICK_MS_MAX));
      if (!channel.closed) this.#work(channel);
    }
    if (channel.closed) throw channel.closed;
    this.#mark(channel);
    const deadline = Date.now() + LAST_MARKER_MS_MAX;
    while (this.#marked.size > 0 && !channel.closed && Date.now() < deadline) await pause(5);
    if (channel.closed) throw channel.closed;
    if (this.#marked.size > 0) this.#options.onProblem(`${life}: a marker was never confirmed`);
    await wire.close();
  }

  #onMethod(
    method: string,
    args: Readonly<Record<string, unknown>>,
    content: Content | undefined,
  ): void {
    const { queue, history, onProblem } = this.#options;
    if (method === 'basic.deliver') {
      const value = decodeValue(content!.body);
      const redelivered = args['redelivered'] === true;
      history.delivered({ queue, value, reader: this.#reader, redelivered });
      if (content!.properties['messageId'] !== value) {
        onProblem(`value ${value} came with message id ${content!.properties['messageId']}`);
      }
      this.#held.push({ tag: Number(args['deliveryTag']), value });
    } else if (method === 'basic.ack') {
      this.#onConfirm(Number(args['deliveryTag']), args['multiple'] === true);
    } else onProblem(`${this.#reader} was sent ${method} ${JSON.stringify(args)}`);
  }

  #onConfirm(marker: number, multiple: boolean): void {
    const { history, onCommitted } = this.#options;
    for (const [number, settled] of this.#marked) {
      if (number > marker) break;
      if (!multiple && number !== marker) continue;
      this.#marked.delete(number);
      history.committed(settled);
      onCommitted(settled.length);
    }
  }

  /** Settles some of what is held, in any order. */
  #work(channel: AmqpChannel): void {
    const { random } = this.#options;
    if (random.chance(MULTIPLE_CHANCE) && this.#held.length > 1) {
      const count = random.between(1, this.#held.length);
      const some = this.#held.splice(0, count);
      for (const each of some) this.#record(each, 'ack');
      channel.send('basic.ack', { deliveryTag: some.at(-1)!.tag, multiple: true });
    }
    // A multiple acknowledgement covers all up to its tag, so what is left stays in the order of tags.
    const kept: Held[] = [];
    for (const each of this.#held) {
      if (random.chance(SETTLE_CHANCE)) this.#settle(channel, each);
      else kept.push(each);
    }
    this.#held = kept;
    if (random.chance(MARKER_CHANCE)) this.#mark(channel);
  }

  #settle(channel: AmqpChannel, held: Held): void {
    const { random } = this.#options;
    const deliveryTag = held.tag;
    const dice = random.next();
    if (dice < REQUEUE_CHANCE) {
      this.#record(held, 'requeue');
      channel.send('basic.nack', { deliveryTag, requeue: true });
    } else if (dice < REQUEUE_CHANCE + REJECT_CHANCE) {
      this.#record(held, 'reject');
      channel.send('basic.reject', { deliveryTag, requeue: false });
    } else {
      this.#record(held, 'ack');
      channel.send('basic.ack', { deliveryTag });
    }
  }

  #record({ value }: Held, kind: SettlementKind): void {
    const { queue, history } = this.#options;
    this.#settled.push(history.settle({ queue, value, reader: this.#reader, kind }));
  }

  #mark(channel: AmqpChannel): void {
    if (this.#settled.length === 0) return;
    this.#markers += 1;
    this.#marked.set(this.#markers, this.#settled);
    this.#settled = [];
    channel.publish('', MARKER_QUEUE, Buffer.from('marker'), { deliveryMode: 2 });
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

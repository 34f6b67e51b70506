/**
 * One publisher: bursts of mostly persistent messages through one exchange, as many unconfirmed at a time
 * as the window allows. A connection that breaks leaves them unknown; the next has another name.
 */
import type { Publish, QueueHistory } from '../../../checker/queue-history.ts';
import { AmqpClosed, AmqpWire } from '../../../support/amqp-wire.ts';
import type { SeededRandom } from '../../random.ts';
import { encodeValue } from '../values.ts';
import type { Route } from './topology.ts';

export interface PublisherOptions {
  name: string;
  port: number;
  routes: readonly Route[];
  random: SeededRandom;
  history: QueueHistory;
  nextValue(): string;
  onConfirmed(count: number): void;
  /** The connection ended, or could not be made. */
  onError(error: unknown): void;
  /** The broker said something that it must not say. */
  onProblem(problem: string): void;
}

const WINDOW = 60;
const BURST_MAX = 12;
const PAUSE_MS_MAX = 30;
const TRANSIENT_CHANCE = 0.1;
const RECONNECT_MS = 40;
const CONFIRM_MS_MAX = 20_000;

export class Publisher {
  readonly #options: PublisherOptions;
  #stopping = false;
  #ended: Promise<void> | undefined;
  /** By delivery tag, in order. */
  readonly #unconfirmed = new Map<number, Publish>();

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  start(): void {
    this.#ended = this.#run();
  }

  /** Resolves when nothing is in flight any more. */
  async finish(): Promise<void> {
    this.#stopping = true;
    await this.#ended;
  }

  async #run(): Promise<void> {
    const { name, onError, onProblem } = this.#options;
    for (let life = 1; !this.#stopping; life += 1) {
      try {
        await this.#publish(`${name}#${life}`);
      } catch (error) {
        onError(error);
        if (error instanceof AmqpClosed && error.code !== 320) onProblem(`${name}: ${error}`);
        this.#giveUp(error);
        await pause(RECONNECT_MS);
      }
    }
  }

  async #publish(producer: string): Promise<void> {
    const { port, routes, random, history, nextValue } = this.#options;
    this.#unconfirmed.clear();
    let tag = 0;
    const wire = await AmqpWire.connect({ port, connectTimeoutMs: 2000 });
    const channel = await wire.openChannel();
    await channel.call('confirm.select');
    channel.onMethod = (method, args) => this.#onMethod(method, args);
    while (!this.#stopping && !channel.closed) {
      const room = WINDOW - this.#unconfirmed.size;
      const burst = Math.min(room, random.between(1, BURST_MAX));
      for (let i = 0; i < burst; i += 1) {
        const route = random.pick(routes);
        const persistent = !random.chance(TRANSIENT_CHANCE);
        const value = nextValue();
        const { queues } = route;
        tag += 1;
        this.#unconfirmed.set(tag, history.publish({ value, producer, queues, persistent }));
        const body = Buffer.from(encodeValue(value));
        const properties = { deliveryMode: persistent ? 2 : 1, messageId: value };
        channel.publish(route.exchange, route.routingKey, body, properties);
      }
      await pause(random.between(0, PAUSE_MS_MAX));
    }
    const deadline = Date.now() + CONFIRM_MS_MAX;
    while (this.#unconfirmed.size > 0 && !channel.closed && Date.now() < deadline) {
      await pause(5);
    }
    if (channel.closed) throw channel.closed;
    if (this.#unconfirmed.size > 0) {
      this.#options.onProblem(`${producer}: no confirm within ${CONFIRM_MS_MAX} ms`);
    }
    await wire.close();
  }

  #giveUp(error: unknown): void {
    const text = String(error);
    for (const each of this.#unconfirmed.values()) {
      this.#options.history.published(each, 'info', text);
    }
    this.#unconfirmed.clear();
  }

  #onMethod(method: string, args: Readonly<Record<string, unknown>>): void {
    const { history, onConfirmed, onProblem } = this.#options;
    if (method !== 'basic.ack' && method !== 'basic.nack') {
      onProblem(`a publisher was sent ${method} ${JSON.stringify(args)}`);
      return;
    }
    const last = Number(args['deliveryTag']);
    const isFor = (tag: number) => (args['multiple'] ? tag <= last : tag === last);
    const ok = method === 'basic.ack';
    let count = 0;
    for (const [tag, publish] of this.#unconfirmed) {
      if (tag > last) break;
      if (!isFor(tag)) continue;
      this.#unconfirmed.delete(tag);
      history.published(publish, ok ? 'ok' : 'info');
      count += 1;
    }
    if (count === 0) onProblem(`confirm ${last} is for no message`);
    if (ok) onConfirmed(count);
    else onProblem(`the broker refused ${count} messages`);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

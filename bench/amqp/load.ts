/**
 * Pairs of one publishing and one consuming connection, each with its own queue (or queues), against one broker.
 * The publisher's window is opened by confirms or by deliveries; see `publisher.ts` and `consumer.ts`.
 */
import {
  bodyFrames,
  headerFrame,
  methodFrame,
  type Table,
} from '../../packages/polymq/test/support/amqp-frames.ts';
import { type AmqpChannel, AmqpWire } from '../../packages/polymq/test/support/amqp-wire.ts';
import { Latencies } from '../lib/statistics.ts';
import type { Target } from '../lib/targets.ts';
import { type Acks, CONSUMER_TAG_PREFIX, Consumer } from './consumer.ts';
import { Publisher } from './publisher.ts';
import { declareTopology, type Routing } from './topology.ts';

export interface Shape {
  pairs: number;
  bodyBytes: number;
  /** Durable queues and persistent messages. */
  durable: boolean;
  confirms: boolean;
  acks: Acks;
  /** Messages in flight of each pair. */
  window: number;
  prefetch: number;
  routing: Routing;
  /** Queues of each pair that get every message: more than one only with `fanout`. */
  queues: number;
  ratePerSecond?: number | undefined;
}

export interface Load {
  /** Messages that consumers got. */
  delivered: number;
  readonly latencies: Latencies;
  start(): void;
  /** Resolves when all that was published has come back; rejects if anything was wrong. */
  stop(): Promise<void>;
  /** Rejects when something goes wrong; never resolves. */
  readonly failed: Promise<never>;
}

/** Holds the largest frame and, for small messages, a whole burst. */
const READ_BYTES = 256 * 1024;
const READ_BYTES_MANY = 160 * 1024;
const SETTLE_MS_MAX = 60_000;
const SETTLE_POLL_MS = 5;
/** Reads of large bodies should not be torn into many small ones. */
const PAIRS_MANY = 16;

export async function openLoad(target: Target, shape: Shape): Promise<Load> {
  const load = new PairLoad(target, shape);
  try {
    await load.open();
    return load;
  } catch (error) {
    load.destroy();
    throw error;
  }
}

class PairLoad implements Load {
  delivered = 0;
  readonly latencies = new Latencies();
  readonly failed: Promise<never>;
  readonly #target: Target;
  readonly #shape: Shape;
  readonly #wires: AmqpWire[] = [];
  readonly #publishers: Publisher[] = [];
  readonly #body: Buffer;
  #undo: ((channel: AmqpChannel) => Promise<void>)[] = [];
  #fail!: (error: Error) => void;
  #stopped = false;

  constructor(target: Target, shape: Shape) {
    this.#target = target;
    this.#shape = shape;
    this.#body = Buffer.from(
      Uint8Array.from({ length: shape.bodyBytes }, (_, i) => (i < 4 ? 0 : 65 + (i % 26))),
    );
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {});
  }

  async open(): Promise<void> {
    for (let pair = 0; pair < this.#shape.pairs; pair += 1) await this.#openPair();
  }

  start(): void {
    for (const publisher of this.#publishers) publisher.start();
  }

  async stop(): Promise<void> {
    for (const publisher of this.#publishers) publisher.stop();
    try {
      await Promise.race([this.#settle(), this.failed]);
      this.#stopped = true;
      await this.#close();
    } finally {
      this.destroy();
    }
  }

  destroy(): void {
    this.#stopped = true;
    for (const wire of this.#wires) wire.destroy();
  }

  async #openPair(): Promise<void> {
    const { confirms, window, prefetch, queues, acks, ratePerSecond } = this.#shape;
    const publishing = await this.#connect();
    const topology = await declareTopology(publishing, this.#shape);
    this.#undo.push(topology.undo);
    if (confirms) await publishing.call('confirm.select');
    const units = topology.messages.map(({ exchange, routingKey, headers }) =>
      this.#unit(publishing, exchange, routingKey, headers),
    );
    const onFailure = (error: Error) => this.#failed(error);
    const publisher = new Publisher(publishing, {
      units,
      bodyAt: units[0]!.length - 1 - this.#body.length,
      confirms,
      window,
      backlogMax: 2 * window + 2 * prefetch,
      copies: queues,
      ratePerSecond,
      latencies: this.latencies,
      onFailure,
    });
    const consuming = await this.#connect();
    const consumer = new Consumer(consuming, {
      acks,
      body: this.#body,
      queues,
      publisher,
      onDelivered: (messages) => {
        this.delivered += messages;
      },
      onFailure,
    });
    await consuming.call('basic.qos', { prefetchCount: prefetch });
    for (const [i, queue] of topology.queues.entries()) {
      const consumerTag = `${CONSUMER_TAG_PREFIX}${i}`;
      await consuming.call('basic.consume', { queue, consumerTag, noAck: acks === 'none' });
    }
    consumer.takeOver();
    this.#publishers.push(publisher);
  }

  #unit(channel: AmqpChannel, exchange: string, routingKey: string, headers?: Table): Buffer {
    if (this.#body.length > channel.wire.frameMax - 8) throw new Error('one body, one frame');
    const deliveryMode = this.#shape.durable ? 2 : 1;
    return Buffer.concat([
      methodFrame(channel.number, 'basic.publish', { exchange, routingKey }),
      headerFrame(
        channel.number,
        this.#body.length,
        headers ? { headers, deliveryMode } : { deliveryMode },
      ),
      ...bodyFrames(channel.number, this.#body, channel.wire.frameMax),
    ]);
  }

  async #connect(): Promise<AmqpChannel> {
    const { host, port } = this.#target;
    const readBytes = this.#shape.pairs > PAIRS_MANY ? READ_BYTES_MANY : READ_BYTES;
    const wire = await AmqpWire.connect({ host, port, readBytes });
    this.#wires.push(wire);
    wire.onClosed = (error) => this.#failed(error);
    return await wire.openChannel();
  }

  async #settle(): Promise<void> {
    const deadline = performance.now() + SETTLE_MS_MAX;
    while (!this.#publishers.every((publisher) => publisher.settled)) {
      if (performance.now() > deadline) throw new Error(`not all came back: ${this.#standing()}`);
      await new Promise((resolve) => setTimeout(resolve, SETTLE_POLL_MS));
    }
  }

  #standing(): string {
    const sum = (read: (publisher: Publisher) => number) =>
      this.#publishers.reduce((total, each) => total + read(each), 0);
    return `${sum((each) => each.published)} published, ${sum((each) => each.confirmed)} confirmed, ${sum((each) => each.delivered)} delivered`;
  }

  async #close(): Promise<void> {
    const { host, port } = this.#target;
    const wire = await AmqpWire.connect({ host, port });
    for (const each of this.#wires) each.destroy();
    const channel = await wire.openChannel();
    for (const undo of this.#undo) await undo(channel);
    await wire.close();
  }

  #failed(error: Error): void {
    if (this.#stopped) return;
    this.#fail(error);
    for (const publisher of this.#publishers) publisher.stop();
  }
}

/**
 * A running broker under attack by AMQP clients, with one healthy client beside: the counterpart of `live.ts`.
 *
 * Attackers send noise, mutated handshakes and methods, frames and bodies whose sizes lie, tables in tables, messages
 * that never end; they open all the channels they may, with a consumer on each, and consume without reading. Afterwards
 * the broker must still run, its memory must be where it was, and the healthy client must have got every message
 * once and in order, over one connection.
 */

import { connect, type Socket } from 'node:net';
import { type ChannelModel, type ConfirmChannel, connect as connectAmqplib } from 'amqplib';
import type { SeededRandom } from '../crash/random.ts';
import { bodyFrames, headerFrame, methodFrame, PROTOCOL_HEADER } from '../support/amqp-frames.ts';
import { pause, runAttacks, Tally } from './attack-loop.ts';
import { mutate } from './mutate.ts';
import { besiege, type Siege, type SiegeOptions } from './siege.ts';

const ATTACKERS = 6;
const SLOW_CONNECTIONS_MAX = 100;
const HEALTHY_PAUSE_MS = 10;
const CHANNELS_MAX = 2047;
const QUEUE = 'healthy';
const FRAME_MAX = 131_072;

const START_OK = methodFrame(0, 'connection.start-ok', {
  clientProperties: { product: 'attacker', capabilities: { consumer_cancel_notify: true } },
  mechanism: 'PLAIN',
  response: '\0guest\0guest',
  locale: 'en_US',
});
const TUNE_OK = methodFrame(0, 'connection.tune-ok', {
  channelMax: CHANNELS_MAX,
  frameMax: FRAME_MAX,
  heartbeat: 0,
});
const OPEN = methodFrame(0, 'connection.open', { virtualHost: '/' });
const HANDSHAKE: readonly Buffer[] = [PROTOCOL_HEADER, START_OK, TUNE_OK, OPEN];
const LOGGED_IN: Buffer = Buffer.concat([...HANDSHAKE, methodFrame(1, 'channel.open')]);

/** A conversation on channel 1; its queue goes with the connection. */
const METHODS: readonly Buffer[] = [
  methodFrame(1, 'queue.declare', { queue: '', exclusive: true, arguments: { 'x-max-length': 9 } }),
  methodFrame(1, 'queue.bind', { queue: '', exchange: 'amq.topic', routingKey: 'a.*.#' }),
  methodFrame(1, 'exchange.declare', { exchange: 'attacked', type: 'topic', autoDelete: true }),
  methodFrame(1, 'exchange.bind', { source: 'amq.fanout', destination: 'amq.headers' }),
  methodFrame(1, 'confirm.select'),
  methodFrame(1, 'basic.qos', { prefetchCount: 3, global: true }),
  methodFrame(1, 'basic.consume', { queue: '', consumerTag: 'c', arguments: { 'x-priority': 1 } }),
  publish('amq.topic', 'a.b.c', { headers: { CC: ['x'], n: 1 }, expiration: '50' }, 100),
  publish('', 'nobody', { replyTo: 'amq.rabbitmq.reply-to', deliveryMode: 2 }, 5),
  methodFrame(1, 'basic.get', { queue: '' }),
  methodFrame(1, 'basic.ack', { deliveryTag: 1, multiple: true }),
  methodFrame(1, 'basic.nack', { deliveryTag: 2, multiple: true, requeue: true }),
  methodFrame(1, 'basic.recover', { requeue: true }),
  methodFrame(1, 'tx.select'),
  methodFrame(1, 'queue.purge', { queue: '' }),
  methodFrame(1, 'channel.close', { replyCode: 200, replyText: 'bye' }),
];

type Attack = (random: SeededRandom) => Buffer;

const ATTACKS: Readonly<Record<string, Attack>> = {
  noise: (random) => noise(random),
  'noise after the login': (random) => Buffer.concat([LOGGED_IN, noise(random)]),
  'mutated handshake': (random) => {
    const whole = Buffer.concat(HANDSHAKE);
    return mutate(whole, whole, random);
  },
  'mutated methods': (random) =>
    Buffer.concat([LOGGED_IN, ...METHODS.map((frame) => sometimesMutated(frame, random))]),
  'methods in any order': (random) => {
    const frames = Array.from({ length: 40 }, () => random.pick(METHODS));
    return Buffer.concat([LOGGED_IN, ...frames]);
  },
  'lying frame': (random) => {
    const frame = Buffer.from(random.pick(METHODS));
    frame.writeUInt32BE(random.pick([0xffff_ffff, 0x7fff_ffff, FRAME_MAX, FRAME_MAX - 8, 0, 1]), 3);
    return Buffer.concat([LOGGED_IN, frame, noise(random)]);
  },
  'lying body': (random) => {
    const method = methodFrame(1, 'basic.publish', { routingKey: 'nobody' });
    const header = headerFrame(1, random.pick([16_777_216, 2 ** 31, Number.MAX_SAFE_INTEGER]));
    return Buffer.concat([
      LOGGED_IN,
      method,
      header,
      ...bodyFrames(1, Buffer.alloc(99_999), FRAME_MAX),
    ]);
  },
  'tables in tables': () => {
    let table: Record<string, never> | { deeper: object } = {};
    for (let depth = 0; depth < 1_000; depth++) table = { deeper: table };
    const args = { queue: '', exclusive: true, arguments: table as never };
    return Buffer.concat([LOGGED_IN, methodFrame(1, 'queue.declare', args)]);
  },
  'all channels, a consumer on each': () => {
    const frames = [LOGGED_IN, METHODS[0]!];
    // The queue that was declared last is known on its own channel only: replies have none.
    const consume = { queue: 'amq.rabbitmq.reply-to', consumerTag: 'c', noAck: true };
    for (let channel = 2; channel <= CHANNELS_MAX + 1; channel++) {
      frames.push(methodFrame(channel, 'channel.open'));
      frames.push(methodFrame(channel, 'basic.consume', consume));
    }
    return Buffer.concat(frames);
  },
  'consumers by the thousand': () => {
    const frames = [LOGGED_IN, METHODS[0]!];
    for (let i = 0; i < 3_000; i++) {
      frames.push(methodFrame(1, 'basic.consume', { queue: '', consumerTag: `c${i}` }));
    }
    return Buffer.concat(frames);
  },
};

/** Consumes without reading what it publishes itself. */
function greedy(random: SeededRandom): Buffer {
  const queue = `greedy-${random.between(0, 1e9)}`;
  return Buffer.concat([
    LOGGED_IN,
    methodFrame(1, 'queue.declare', { queue, exclusive: true }),
    methodFrame(1, 'basic.consume', { queue, consumerTag: 'c', noAck: true }),
    ...Array.from({ length: 40 }, () => publish('', queue, {}, 60_000)),
  ]);
}

export function fuzzLiveAmqp(options: SiegeOptions): Promise<string[]> {
  const siege: Siege = {
    name: 'live-amqp',
    scheme: 'amqp',
    healthy: (port) => new HealthyClient(`amqp://guest:guest@127.0.0.1:${port}`),
    attackers: (port, random) => new Attackers(port, random),
    bugLine: /a method failed/,
  };
  return besiege(siege, options);
}

class Attackers {
  readonly #port: number;
  readonly #random: SeededRandom;
  readonly #tally = new Tally();
  readonly #held: Socket[] = [];

  constructor(port: number, random: SeededRandom) {
    this.#port = port;
    this.#random = random;
  }

  async run(seconds: number): Promise<void> {
    await runAttacks({
      seconds,
      attackers: ATTACKERS,
      attack: () => this.#attack(),
      hold: () => this.#hold(),
      holdEveryMs: 50,
    });
    for (const socket of this.#held.splice(0)) socket.destroy();
  }

  describe(): string {
    return this.#tally.toString();
  }

  async #attack(): Promise<void> {
    const random = this.#random;
    const name = random.pick(Object.keys(ATTACKS));
    this.#tally.add(name);
    const socket = this.#connect();
    // Answers are read and thrown away.
    socket.resume();
    socket.write(ATTACKS[name]!(random));
    if (random.chance(0.3)) {
      await pause(random.between(0, 20));
      socket.resetAndDestroy();
      return;
    }
    socket.end();
    await Promise.race([new Promise((resolve) => socket.once('close', resolve)), pause(200)]);
    socket.destroy();
  }

  /** Messages that begin and never end, and consumers that never read. */
  #hold(): void {
    const random = this.#random;
    const reads = random.chance(0.8);
    this.#tally.add(reads ? 'never ends' : 'never reads');
    const socket = this.#connect();
    const whole = Buffer.concat([LOGGED_IN, ...METHODS]);
    socket.write(reads ? whole.subarray(0, random.between(0, whole.length - 1)) : greedy(random));
    socket.pause();
    this.#held.push(socket);
    if (this.#held.length > SLOW_CONNECTIONS_MAX) this.#held.shift()!.destroy();
  }

  #connect(): Socket {
    const socket = connect({ host: '127.0.0.1', port: this.#port });
    socket.on('error', () => {});
    return socket;
  }
}

class HealthyClient {
  readonly #url: string;
  #connection: ChannelModel | undefined;
  #loop: Promise<void> | undefined;
  #stopping = false;
  #problem: string | undefined;
  #received = 0;
  sent = 0;
  slowestMs = 0;

  constructor(url: string) {
    this.#url = url;
  }

  async start(): Promise<void> {
    const connection = await connectAmqplib(this.#url);
    this.#connection = connection;
    connection.on('error', (error: unknown) => this.#failed(`connection: ${String(error)}`));
    const channel = await connection.createConfirmChannel();
    channel.on('error', (error: unknown) => this.#failed(`channel: ${String(error)}`));
    await channel.assertQueue(QUEUE, { durable: true });
    await channel.prefetch(10);
    await channel.consume(QUEUE, (message) => {
      if (message === null) return this.#failed('its queue is gone');
      const text = message.content.toString();
      if (text !== `v${this.#received}`) this.#failed(`got ${text} for v${this.#received}`);
      this.#received += 1;
      channel.ack(message);
      return undefined;
    });
    this.#loop = this.#publish(channel).catch((error: unknown) => this.#failed(String(error)));
  }

  async #publish(channel: ConfirmChannel): Promise<void> {
    while (!this.#stopping) {
      const began = performance.now();
      channel.sendToQueue(QUEUE, Buffer.from(`v${this.sent}`), { persistent: true });
      await channel.waitForConfirms();
      this.slowestMs = Math.max(this.slowestMs, performance.now() - began);
      this.sent += 1;
      await pause(HEALTHY_PAUSE_MS);
    }
  }

  #failed(problem: string): void {
    this.#problem ??= problem;
  }

  /** Waits for what is under way and says what is wrong. */
  async finish(): Promise<string[]> {
    this.#stopping = true;
    await this.#loop;
    for (let i = 0; i < 100 && this.#received < this.sent; i++) await pause(50);
    if (this.#problem !== undefined) return [`the healthy client: ${this.#problem}`];
    await this.#connection!.close();
    if (this.#received === this.sent) return [];
    return [`the healthy client got ${this.#received} of ${this.sent} messages`];
  }
}

function publish(exchange: string, routingKey: string, properties: object, bytes: number): Buffer {
  return Buffer.concat([
    methodFrame(1, 'basic.publish', { exchange, routingKey, mandatory: true }),
    headerFrame(1, bytes, properties as never),
    ...bodyFrames(1, Buffer.alloc(bytes, 'x'), FRAME_MAX),
  ]);
}

function noise(random: SeededRandom): Buffer {
  return Buffer.from(Array.from({ length: random.between(1, 400) }, () => random.between(0, 255)));
}

function sometimesMutated(frame: Buffer, random: SeededRandom): Buffer {
  return random.chance(0.15) ? mutate(frame, random.pick(METHODS), random) : frame;
}

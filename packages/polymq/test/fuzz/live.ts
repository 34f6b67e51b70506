/**
 * A running broker under attack, with one healthy client beside.
 *
 * Attackers send whatever breaks a Kafka listener: noise, mutated requests, sizes and counts that lie, unknown
 * APIs, requests that never end, bombs inside batches. Meanwhile a kafkajs producer and consumer do their
 * work. Afterwards the broker must still run, its memory must be where it was, the healthy client must
 * have got every value through, and what it stored must be all there is.
 */

import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { writeBatch, writeBatchCrc } from '../../src/core/record/record-writer.ts';
import { AT, BATCH_HEADER_BYTES, BATCH_LENGTH_OVERHEAD } from '../../src/log/batch.ts';
import { encodeRequest } from '../../src/protocols/kafka/codec/codec.ts';
import { API_BY_NAME } from '../../src/protocols/kafka/codec/registry.ts';
import type { SeededRandom } from '../crash/random.ts';
import { kafkajs } from '../crash/workloads/kafka/producer.ts';
import { pause, runAttacks, Tally } from './attack-loop.ts';
import { mutate } from './mutate.ts';
import { sampleRequests } from './sample-requests.ts';
import { besiege, type Siege, type SiegeOptions } from './siege.ts';

const ATTACKERS = 8;
const SLOW_CONNECTIONS_MAX = 200;
const HEALTHY_PAUSE_MS = 10;
const TOPIC = 'healthy';

type Attack = (random: SeededRandom, frames: readonly Buffer[]) => Buffer;

const ATTACKS: Readonly<Record<string, Attack>> = {
  noise: (random) =>
    Buffer.from(Array.from({ length: random.between(1, 400) }, () => random.between(0, 255))),
  mutant: (random, frames) => sized(mutate(random.pick(frames), random.pick(frames), random)),
  'lying size': (random, frames) => {
    const frame = sized(random.pick(frames));
    frame.writeInt32BE(random.pick([0x7fffffff, -1, -0x80000000, 33 << 20, 1, 7]), 0);
    return frame;
  },
  'unknown api': (random) => {
    const frame = Buffer.alloc(10);
    frame.writeInt16BE(random.between(-100, 1000), 0);
    frame.writeInt16BE(random.between(-5, 40), 2);
    return sized(frame);
  },
  bomb: (random) => produceBomb(random),
  'bomb, then look inside': (random) => Buffer.concat([produceBomb(random), lookInside()]),
};

export function fuzzLiveBroker(options: SiegeOptions): Promise<string[]> {
  const siege: Siege = {
    name: 'live',
    scheme: 'kafka',
    // Bombs that are stored would fill the cache, which is growth of the allowed kind.
    args: ['--storage-tail-cache-bytes', String(8 << 20)],
    healthy: (port) => new HealthyClient(port),
    attackers: (port, random) => new Attackers(port, random),
  };
  return besiege(siege, options);
}

class Attackers {
  readonly #port: number;
  readonly #random: SeededRandom;
  readonly #frames: readonly Buffer[];
  readonly #tally = new Tally();
  readonly #slow: Socket[] = [];

  constructor(port: number, random: SeededRandom) {
    this.#port = port;
    this.#random = random;
    // Topics are not made up: the healthy client's own topic must not be deleted by a lucky mutation.
    this.#frames = sampleRequests().map((sample) => sample.frame);
  }

  async run(seconds: number): Promise<void> {
    await runAttacks({
      seconds,
      attackers: ATTACKERS,
      attack: () => this.#attack(),
      hold: () => this.#holdOpen(),
      holdEveryMs: 20,
    });
    for (const socket of this.#slow.splice(0)) socket.destroy();
  }

  describe(): string {
    return this.#tally.toString();
  }

  async #attack(): Promise<void> {
    const random = this.#random;
    const name = random.pick(Object.keys(ATTACKS));
    this.#tally.add(name);
    const socket = this.#connect();
    // Half of them look like a client first, to get past the limits of the first request.
    if (random.chance(0.5)) socket.write(hello());
    for (let i = random.between(1, 5); i > 0; i -= 1) {
      socket.write(ATTACKS[name]!(random, this.#frames));
    }
    if (random.chance(0.3)) {
      socket.resetAndDestroy();
      return;
    }
    socket.end();
    await Promise.race([new Promise((resolve) => socket.once('close', resolve)), pause(200)]);
    socket.destroy();
  }

  /** A request that begins and never ends. */
  #holdOpen(): void {
    this.#tally.add('slow');
    const socket = this.#connect();
    const frame = sized(this.#random.pick(this.#frames));
    socket.write(frame.subarray(0, this.#random.between(0, frame.length - 1)));
    this.#slow.push(socket);
    if (this.#slow.length > SLOW_CONNECTIONS_MAX) this.#slow.shift()!.destroy();
  }

  #connect(): Socket {
    const socket = connect({ host: '127.0.0.1', port: this.#port });
    socket.on('error', () => {});
    // Answers are read and thrown away.
    socket.resume();
    return socket;
  }
}

class HealthyClient {
  readonly #kafka: ReturnType<typeof kafkajs>;
  #loop: Promise<void> | undefined;
  #stopping = false;
  #error: unknown;
  sent = 0;
  slowestMs = 0;

  constructor(port: number) {
    this.#kafka = kafkajs(port, 'healthy');
  }

  async start(): Promise<void> {
    const admin = this.#kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: 1 }] });
    await admin.disconnect();
    const producer = this.#kafka.producer();
    await producer.connect();
    this.#loop = (async () => {
      while (!this.#stopping) {
        const began = performance.now();
        await producer.send({ topic: TOPIC, messages: [{ value: `v${this.sent}` }] });
        this.slowestMs = Math.max(this.slowestMs, performance.now() - began);
        this.sent += 1;
        await pause(HEALTHY_PAUSE_MS);
      }
      await producer.disconnect();
    })().catch((error: unknown) => {
      this.#error = error;
    });
  }

  /** Reads everything back and says what is wrong. */
  async finish(): Promise<string[]> {
    this.#stopping = true;
    await this.#loop;
    if (this.#error) return [`the healthy producer failed: ${String(this.#error)}`];
    const consumer = this.#kafka.consumer({ groupId: 'healthy-reader' });
    const values: string[] = [];
    await consumer.connect();
    await consumer.subscribe({ topic: TOPIC, fromBeginning: true });
    const all = new Promise<void>((resolve) => {
      const done = () => {
        if (values.length >= this.sent) resolve();
      };
      void consumer.run({
        eachMessage: async ({ message }) => {
          values.push(String(message.value));
          done();
        },
      });
      done();
    });
    await Promise.race([all, pause(20_000)]);
    await consumer.disconnect();
    const wrong = values.findIndex((value, i) => value !== `v${i}`);
    if (wrong >= 0) return [`the healthy consumer got ${values[wrong]} where v${wrong} was due`];
    if (values.length === this.sent) return [];
    return [`the healthy consumer got ${values.length} of ${this.sent} values`];
  }
}

function hello(): Buffer {
  const header = { correlationId: 1, clientId: 'attacker' };
  return Buffer.concat(encodeRequest(API_BY_NAME.get('ApiVersions')!, 0, header, {}));
}

/** A well-formed batch of a few KiB that would expand to many MiB. */
function produceBomb(random: SeededRandom): Buffer {
  const head = writeBatch({ records: [{ value: Buffer.alloc(0) }], timestampMs: Date.now() });
  bombContent ??= gzipSync(Buffer.alloc(32 << 20));
  const batch = Buffer.concat([head.subarray(0, BATCH_HEADER_BYTES), bombContent]);
  batch.writeUInt16BE(random.pick([1, 1, 1, 2, 3, 4]), AT.attributes);
  batch.writeInt32BE(batch.length - BATCH_LENGTH_OVERHEAD, AT.length);
  writeBatchCrc(batch);
  const body = {
    transactionalId: null,
    acks: -1,
    timeoutMs: 1000,
    topicData: [{ name: 'bombs', partitionData: [{ index: 0, records: batch }] }],
  };
  return request('Produce', 7, body);
}
let bombContent: Buffer | undefined;

/** Asks for an offset by time, for which the broker has to open the batch. */
function lookInside(): Buffer {
  const partitions = [{ partitionIndex: 0, timestamp: Date.now() - 60_000 }];
  const body = { replicaId: -1, topics: [{ name: 'bombs', partitions }] };
  const create = {
    topics: [
      { name: 'bombs', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] },
    ],
    timeoutMs: 1000,
    validateOnly: false,
  };
  return Buffer.concat([request('CreateTopics', 4, create), request('ListOffsets', 1, body)]);
}

function request(name: string, version: number, body: object): Buffer {
  const header = { correlationId: 1, clientId: 'attacker' };
  const api = API_BY_NAME.get(name)!;
  return Buffer.concat(encodeRequest(api, version, header, body as never));
}

function sized(frame: Buffer): Buffer {
  const result = Buffer.alloc(4 + frame.length);
  result.writeInt32BE(frame.length, 0);
  frame.copy(result, 4);
  return result;
}

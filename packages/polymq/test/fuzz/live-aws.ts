/**
 * A running broker under attack by AWS clients, with one healthy client beside: the counterpart of `live.ts`.
 *
 * Attackers send noise, mutated requests on both wires, HTTP that is none, lengths that lie, bombs of JSON, forms and
 * filter policies, batches of every size, forged receipt handles; some send a byte now and then, hold long polls, or
 * ask for more than they read. Afterwards the broker must still run, no request may have been answered as a failure
 * of the broker, its memory must be where it was, and the healthy client must have got every message once.
 */
import { connect, type Socket } from 'node:net';
import type { SeededRandom } from '../crash/random.ts';
import { AwsClient } from '../support/aws-client.ts';
import { pause, runAttacks, Tally } from './attack-loop.ts';
import { ATTACKS, longPoll, poll, setUp } from './aws-attacks.ts';
import { besiege, type Siege, type SiegeOptions } from './siege.ts';

const ATTACKERS = 6;
const HELD_CONNECTIONS_MAX = 200;
const HEALTHY_PAUSE_MS = 10;
const ANSWER_MS_MAX = 300;
const DRIP_MS = 200;
/** Pipelined by a client that does not read: their answers would be many megabytes. */
const GREEDY_REQUESTS = 2000;
const QUEUE = 'healthy';
/** What attackers store stays in bounds by itself. */
const MEMORY_BYTES = 32 * 2 ** 20;

export function fuzzLiveAws(options: SiegeOptions): Promise<string[]> {
  const siege: Siege = {
    name: 'live-aws',
    scheme: 'aws',
    args: ['--queues-memory-bytes-max', String(MEMORY_BYTES)],
    setUp,
    healthy: (port) => new HealthyClient(port),
    attackers: (port, random) => new Attackers(port, random),
    bugLine: /a request failed/,
  };
  return besiege(siege, options);
}

class Attackers {
  /** Requests that the broker called its own failure. */
  readonly failures: string[] = [];
  readonly #port: number;
  readonly #random: SeededRandom;
  readonly #attacks = new Tally();
  readonly #answers = new Tally();
  readonly #held: Socket[] = [];

  constructor(port: number, random: SeededRandom) {
    this.#port = port;
    this.#random = random;
  }

  async run(seconds: number): Promise<void> {
    const drip = setInterval(() => this.#drip(), DRIP_MS);
    await runAttacks({
      seconds,
      attackers: ATTACKERS,
      attack: () => this.#attack(),
      hold: () => this.#hold(),
      holdEveryMs: 25,
    });
    clearInterval(drip);
    for (const socket of this.#held.splice(0)) socket.destroy();
  }

  describe(): string {
    return `${this.#attacks}; answered ${this.#answers}`;
  }

  async #attack(): Promise<void> {
    const random = this.#random;
    const name = random.pick(Object.keys(ATTACKS));
    this.#attacks.add(name);
    const request = ATTACKS[name]!(random);
    const socket = this.#connect();
    socket.on('data', (bytes: Buffer) => this.#onAnswer(name, request, bytes));
    socket.write(request);
    if (random.chance(0.2)) {
      await pause(random.between(0, 20));
      socket.resetAndDestroy();
      return;
    }
    if (random.chance(0.3)) socket.end();
    const answered = new Promise((resolve) => socket.once('data', resolve).once('close', resolve));
    await Promise.race([answered, pause(ANSWER_MS_MAX)]);
    socket.destroy();
  }

  #onAnswer(name: string, request: Buffer, bytes: Buffer): void {
    const status = /^HTTP\/1\.1 (\d+)/.exec(bytes.toString('latin1', 0, 12))?.[1];
    if (status === undefined) return;
    this.#answers.add(status);
    if (status !== '500') return;
    const head = request.toString('latin1', 0, 2000);
    this.failures.push(`${name} was answered ${bytes.toString('latin1', 0, 600)}\n${head}`);
  }

  /** Long polls, requests that come byte by byte, and clients that ask and do not read. */
  #hold(): void {
    const random = this.#random;
    const socket = this.#connect();
    const dice = random.next();
    if (dice < 0.4) {
      this.#attacks.add('long poll');
      socket.resume();
      socket.write(longPoll());
    } else if (dice < 0.8) {
      this.#attacks.add('never ends');
      socket.resume();
      const whole = ATTACKS['mutated JSON']!(random);
      socket.write(whole.subarray(0, random.between(0, whole.length - 1)));
    } else {
      this.#attacks.add('never reads');
      socket.pause();
      socket.write(Buffer.concat(Array.from({ length: GREEDY_REQUESTS }, () => poll())));
    }
    this.#held.push(socket);
    if (this.#held.length > HELD_CONNECTIONS_MAX) this.#held.shift()!.destroy();
  }

  #drip(): void {
    for (const socket of this.#held) {
      if (!socket.destroyed && !socket.isPaused()) socket.write('a');
    }
  }

  #connect(): Socket {
    const socket = connect({ host: '127.0.0.1', port: this.#port, allowHalfOpen: true });
    socket.on('error', () => {});
    return socket;
  }
}

/** Sends with one connection, receives with long polls and deletes with another. */
class HealthyClient {
  readonly #port: number;
  readonly #clients: AwsClient[] = [];
  readonly #received = new Set<string>();
  #loops: Promise<void>[] = [];
  #stopping = false;
  #problem: string | undefined;
  sent = 0;
  slowestMs = 0;

  constructor(port: number) {
    this.#port = port;
  }

  async start(): Promise<void> {
    for (let i = 0; i < 2; i += 1)
      this.#clients.push(await AwsClient.connect({ port: this.#port }));
    const [sending, receiving] = this.#clients as [AwsClient, AwsClient];
    const { QueueUrl } = await sending.sqs<{ QueueUrl: string }>('CreateQueue', {
      QueueName: QUEUE,
    });
    this.#loops = [this.#send(sending, QueueUrl), this.#receive(receiving, QueueUrl)].map((loop) =>
      loop.catch((error: unknown) => {
        this.#problem ??= String(error);
      }),
    );
  }

  async #send(client: AwsClient, QueueUrl: string): Promise<void> {
    while (!this.#stopping) {
      const began = performance.now();
      await client.sqs('SendMessage', { QueueUrl, MessageBody: `v${this.sent}` });
      this.slowestMs = Math.max(this.slowestMs, performance.now() - began);
      this.sent += 1;
      await pause(HEALTHY_PAUSE_MS);
    }
  }

  async #receive(client: AwsClient, QueueUrl: string): Promise<void> {
    while (!this.#stopping || this.#received.size < this.sent) {
      const { Messages = [] } = await client.sqs<{
        Messages?: { Body: string; ReceiptHandle: string }[];
      }>('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 2 });
      if (this.#stopping && Messages.length === 0) return;
      for (const { Body, ReceiptHandle } of Messages) {
        if (this.#received.has(Body)) this.#problem ??= `${Body} came again`;
        this.#received.add(Body);
        await client.sqs('DeleteMessage', { QueueUrl, ReceiptHandle });
      }
    }
  }

  /** Waits for what is under way and says what is wrong. */
  async finish(): Promise<string[]> {
    this.#stopping = true;
    await Promise.all(this.#loops);
    for (const client of this.#clients) client.destroy();
    if (this.#problem !== undefined) return [`the healthy client: ${this.#problem}`];
    if (this.#received.size === this.sent) return [];
    return [`the healthy client got ${this.#received.size} of ${this.sent} messages`];
  }
}

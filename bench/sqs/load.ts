/**
 * A load on one broker: so many keep-alive connections, each with one request under way, as SDK clients have.
 *
 *   send      every connection sends; nobody receives
 *   receive   a filled queue; every connection receives and deletes in turn
 *   cycle     half of the connections send, the others receive and delete
 *   publish   every connection publishes to a topic, whose queues nobody receives from
 *   paced     a steady rate to long polls that wait (`paced.ts`)
 *
 * Numbers and bodies of all messages are checked, and queues are asked at the end how many messages they hold.
 */
import type { AwsClient } from '../../packages/polymq/test/support/aws-client.ts';
import { HttpWire } from '../../packages/polymq/test/support/http-wire.ts';
import type { Target } from '../lib/targets.ts';
import { ReceiveReader } from './answers.ts';
import { Ledger } from './ledger.ts';
import { Paced } from './paced.ts';
import { Receiver } from './receiver.ts';
import {
  bodyText,
  DeleteRequests,
  type NumberedRequest,
  publishRequest,
  receiveRequest,
  sendBatchRequest,
  sendRequest,
} from './requests.ts';
import { Sender } from './sender.ts';
import {
  connectTo,
  deleteTopology,
  makeTopology,
  messageCount,
  type Topology,
} from './topology.ts';

export interface Shape {
  kind: 'send' | 'receive' | 'cycle' | 'publish' | 'paced';
  connections: number;
  /** Messages in one request: 1, or up to 10. */
  batch: number;
  bodyBytes: number;
  fifo: boolean;
  /** More than one only with `publish`. */
  queues: number;
  ratePerSecond?: number | undefined;
}

export interface Load {
  readonly ledger: Ledger;
  /** What the figures are about: sent, received and deleted, published, or received. */
  readonly messages: number;
  start(): void;
  /** Resolves when all is answered and was found to be right. */
  stop(): Promise<void>;
  /** Rejects when something goes wrong; never resolves. */
  readonly failed: Promise<never>;
  /** Resolves when a filled queue is empty: rates end there. */
  readonly exhausted: Promise<void>;
}

/** Groups of FIFO queues: so many for each sender. */
const GROUPS_PER_SENDER = 10;
/** Messages that a cycle leaves in the queue at most. */
const BACKLOG_MAX = 20_000;
const FILL_BATCH = 10;
const POLL_SECONDS = 20;
/** Short, because the last polls of a cycle are waited for. */
const CYCLE_POLL_SECONDS = 1;
const SETTLE_MS_MAX = 60_000;
const SETTLE_POLL_MS = 5;
const FILL_MS_MAX = 30_000;

export async function openLoad(target: Target, shape: Shape, fillMessages: number): Promise<Load> {
  const load = new SqsLoad(target, shape);
  try {
    await load.open();
    if (shape.kind === 'receive') await load.fill(fillMessages);
    return load;
  } catch (error) {
    load.destroy();
    throw error;
  }
}

class SqsLoad implements Load {
  readonly ledger: Ledger;
  readonly failed: Promise<never>;
  readonly exhausted: Promise<void>;
  readonly #target: Target;
  readonly #shape: Shape;
  readonly #reader: ReceiveReader;
  readonly #wires: HttpWire[] = [];
  #client!: AwsClient;
  #topology!: Topology;
  #senders: Sender[] = [];
  #receivers: Receiver[] = [];
  #paced: Paced | undefined;
  #fail!: (error: Error) => void;
  #exhaust!: () => void;

  constructor(target: Target, shape: Shape) {
    this.#target = target;
    this.#shape = shape;
    this.ledger = new Ledger(shape.fifo ? GROUPS_PER_SENDER * shape.connections : 0);
    this.#reader = new ReceiveReader(bodyText(shape.bodyBytes));
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {});
    this.exhausted = new Promise((resolve) => {
      this.#exhaust = resolve;
    });
  }

  get messages(): number {
    const { kind } = this.#shape;
    if (kind === 'send' || kind === 'publish') return this.ledger.sent;
    return kind === 'paced' ? this.ledger.received : this.ledger.deleted;
  }

  async open(): Promise<void> {
    const { kind, queues, fifo, connections } = this.#shape;
    this.#client = await connectTo(this.#target);
    const topic = kind === 'publish';
    this.#topology = await makeTopology(this.#client, { queues, fifo, topic });
    const { host, port } = this.#target;
    for (let i = 0; i < connections; i += 1) {
      const wire = await HttpWire.connect({ host, port });
      wire.onClosed = (error) => this.#fail(error);
      this.#wires.push(wire);
    }
    if (kind === 'paced') this.#paced = this.#openPaced();
    else if (kind === 'receive') this.#receivers = this.#wires.map((wire) => this.#receiver(wire));
    else if (kind === 'cycle') {
      const half = connections / 2;
      this.#senders = this.#openSenders(this.#wires.slice(0, half), BACKLOG_MAX);
      this.#receivers = this.#wires.slice(half).map((wire) => this.#receiver(wire));
    } else this.#senders = this.#openSenders(this.#wires, undefined);
  }

  /** Sends in batches over all connections; a slow broker gets fewer, and its rate is that of emptying those. */
  async fill(messages: number): Promise<void> {
    const step = this.#wires.length;
    const each = Math.ceil(messages / step / FILL_BATCH) * FILL_BATCH;
    const senders = this.#wires.map(
      (wire, first) =>
        new Sender(wire, {
          ...this.#sendOptions(first, step, sendBatchRequest(this.#what, FILL_BATCH)),
          messagesMax: each,
          timed: false,
        }),
    );
    for (const sender of senders) sender.start();
    const deadline = performance.now() + FILL_MS_MAX;
    const isOver = () => this.ledger.sent >= each * step || performance.now() > deadline;
    await this.#until(isOver, 2 * FILL_MS_MAX, 'filling took too long');
    for (const sender of senders) sender.stop();
    const settled = () => senders.every((sender) => !sender.busy);
    await this.#until(settled, SETTLE_MS_MAX, 'not all was answered');
  }

  start(): void {
    for (const each of [...this.#senders, ...this.#receivers]) each.start();
    this.#paced?.start();
  }

  async stop(): Promise<void> {
    try {
      for (const sender of this.#senders) sender.stop();
      this.#paced?.stop();
      await this.#settle();
      for (const wire of this.#wires) wire.destroy();
      await this.#checkCounts();
      await deleteTopology(this.#client, this.#topology);
    } finally {
      this.destroy();
    }
  }

  destroy(): void {
    for (const wire of this.#wires) wire.destroy();
    this.#client?.destroy();
  }

  async #settle(): Promise<void> {
    const { kind } = this.#shape;
    const { ledger } = this;
    const late = 'not all was answered';
    const sent = () => this.#senders.every((sender) => !sender.busy);
    await this.#until(sent, SETTLE_MS_MAX, late);
    if (kind === 'cycle' || kind === 'paced') {
      const gone = () => ledger.deleted === ledger.begun;
      await this.#until(gone, SETTLE_MS_MAX, 'not all that was sent came');
    }
    for (const receiver of this.#receivers) receiver.stop();
    const received = () => kind !== 'receive' || this.#receivers.every((each) => !each.busy);
    await this.#until(received, SETTLE_MS_MAX, late);
  }

  async #checkCounts(): Promise<void> {
    const { ledger } = this;
    const expected = ledger.sent - ledger.deleted;
    for (const queueUrl of this.#topology.queueUrls) {
      const count = await messageCount(this.#client, queueUrl);
      if (count !== expected) throw new Error(`${count} messages are left, not ${expected}`);
    }
  }

  async #until(condition: () => boolean, msMax: number, problem: string): Promise<void> {
    const deadline = performance.now() + msMax;
    while (!condition()) {
      if (performance.now() > deadline) throw new Error(`${problem}: ${this.#standing()}`);
      const pause = new Promise((resolve) => setTimeout(resolve, SETTLE_POLL_MS));
      await Promise.race([pause, this.failed]);
    }
  }

  #standing(): string {
    const { begun, sent, received, deleted } = this.ledger;
    return `${begun} begun, ${sent} sent, ${received} received, ${deleted} deleted`;
  }

  get #what() {
    const { bodyBytes, fifo } = this.#shape;
    return { host: this.#client.host, queueUrl: this.#topology.queueUrls[0]!, bodyBytes, fifo };
  }

  #request(): NumberedRequest {
    const { kind, batch, bodyBytes } = this.#shape;
    if (kind === 'publish') {
      return publishRequest(this.#client.host, this.#topology.topicArn, bodyBytes);
    }
    return batch === 1 ? sendRequest(this.#what) : sendBatchRequest(this.#what, batch);
  }

  #openSenders(wires: readonly HttpWire[], backlogMax: number | undefined): Sender[] {
    return wires.map((wire, first) => {
      const options = this.#sendOptions(first, wires.length, this.#request());
      return new Sender(wire, { ...options, backlogMax, timed: this.#shape.kind !== 'cycle' });
    });
  }

  #sendOptions(first: number, step: number, request: NumberedRequest) {
    const onFailure = (error: Error) => this.#fail(error);
    return { request, ledger: this.ledger, first, step, onFailure };
  }

  #receiver(wire: HttpWire): Receiver {
    const { batch, kind } = this.#shape;
    const cycle = kind === 'cycle';
    return new Receiver(wire, {
      receive: receiveRequest(this.#what, batch, cycle ? CYCLE_POLL_SECONDS : 0),
      deletes: new DeleteRequests(this.#what),
      reader: this.#reader,
      ledger: this.ledger,
      timed: true,
      onEmpty: () => {
        if (!cycle) this.#exhaust();
        return cycle;
      },
      onReceived: () => {
        for (const sender of this.#senders) sender.resume();
      },
      onFailure: (error) => this.#fail(error),
    });
  }

  #openPaced(): Paced {
    const wires = this.#wires;
    const third = Math.floor(wires.length / 3);
    return new Paced({
      senders: wires.slice(0, third).map((wire) => ({ wire, request: this.#request() })),
      pollers: wires.slice(third, wires.length - third),
      deleters: wires
        .slice(wires.length - third)
        .map((wire) => ({ wire, requests: new DeleteRequests(this.#what) })),
      receive: receiveRequest(this.#what, FILL_BATCH, POLL_SECONDS),
      reader: this.#reader,
      ledger: this.ledger,
      ratePerSecond: this.#shape.ratePerSecond ?? 1,
      onFailure: (error) => this.#fail(error),
    });
  }
}

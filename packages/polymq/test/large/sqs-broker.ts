/** A broker for one part of the large test, and bulk sending and receiving on it over 16 connections. */

import type { Target } from '../../../../bench/lib/targets.ts';
import { ReceiveReader } from '../../../../bench/sqs/answers.ts';
import { Ledger } from '../../../../bench/sqs/ledger.ts';
import { Receiver } from '../../../../bench/sqs/receiver.ts';
import {
  bodyText,
  DeleteRequests,
  receiveRequest,
  sendBatchRequest,
} from '../../../../bench/sqs/requests.ts';
import { Sender } from '../../../../bench/sqs/sender.ts';
import { AwsClient } from '../support/aws-client.ts';
import { HttpWire } from '../support/http-wire.ts';
import type { Polymq } from '../support/polymq.ts';
import { pause } from './figures.ts';
import { type LargeOptions, startLargeBroker } from './parts.ts';

export const BODY_BYTES = 100;
export const BATCH = 10;
const CONNECTIONS = 16;
const WORK_MS_MAX = 600_000;
const POLL_MS = 20;
const COUNTS = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;

export function startBroker(data: string, options: LargeOptions): Promise<Polymq> {
  return startLargeBroker('aws', data, options);
}

export function targetOf(broker: Polymq): Target {
  return {
    name: 'polymq',
    version: '',
    host: '127.0.0.1',
    port: broker.port('aws'),
    pids: [broker.pid],
    stop: async () => {},
  };
}

export function connect(broker: Polymq): Promise<AwsClient> {
  return AwsClient.connect({ port: broker.port('aws') });
}

/** The URL of a queue of that name, by whatever port the broker has now. */
export function urlOf(broker: Polymq, queue: string): string {
  return `http://127.0.0.1:${broker.port('aws')}/000000000000/${queue}`;
}

export interface Counts {
  ready: number;
  inFlight: number;
}

export async function countsOf(broker: Polymq, queue: string): Promise<Counts> {
  const client = await connect(broker);
  const { Attributes } = await client.sqs<{ Attributes: Record<string, string> }>(
    'GetQueueAttributes',
    { QueueUrl: urlOf(broker, queue), AttributeNames: COUNTS },
  );
  client.destroy();
  const [ready, inFlight] = COUNTS.map((name) => Number(Attributes[name]));
  return { ready: ready!, inFlight: inFlight! };
}

/** What is numbered in one queue over the whole part, whichever broker process has it. */
export class Bulk {
  readonly ledger = new Ledger(0);
  readonly #queue: string;
  #first = 0;

  constructor(queue: string) {
    this.#queue = queue;
  }

  /** Resolves when all are answered. */
  async send(broker: Polymq, messages: number, onProgress?: () => void): Promise<void> {
    const each = Math.ceil(messages / CONNECTIONS / BATCH) * BATCH;
    const first = this.#first;
    this.#first += each * CONNECTIONS;
    await this.#with(broker, async (wires, where, fail, failed) => {
      for (const [i, wire] of wires.entries()) {
        const request = sendBatchRequest({ ...where, bodyBytes: BODY_BYTES, fifo: false }, BATCH);
        const { ledger } = this;
        new Sender(wire, {
          request,
          ledger,
          first: first + i,
          step: CONNECTIONS,
          messagesMax: each,
          timed: false,
          onFailure: fail,
        }).start();
      }
      await until(() => this.ledger.sent >= this.#first, failed, onProgress);
    });
  }

  /** Receives and deletes until nothing more comes. Every message must come once. */
  async receiveAll(broker: Polymq): Promise<void> {
    await this.#with(broker, async (wires, where, fail, failed) => {
      let left = wires.length;
      for (const wire of wires) {
        new Receiver(wire, {
          receive: receiveRequest(where, BATCH, 0),
          deletes: new DeleteRequests(where),
          reader: new ReceiveReader(bodyText(BODY_BYTES)),
          ledger: this.ledger,
          timed: false,
          onEmpty: () => {
            left -= 1;
            return false;
          },
          onFailure: fail,
        }).start();
      }
      await until(() => left === 0, failed);
    });
  }

  /** Receives so many without deleting, and resolves with the handles. */
  async hold(broker: Polymq, messages: number): Promise<Buffer[]> {
    const handles: Buffer[] = [];
    const reader = new ReceiveReader(bodyText(BODY_BYTES));
    await this.#with(broker, async (wires, where, fail, failed) => {
      const receive = receiveRequest(where, BATCH, 0);
      let asked = 0;
      let waiting = 0;
      const ask = (wire: HttpWire) => {
        if (asked >= messages) return;
        asked += BATCH;
        waiting += 1;
        wire.request(receive, (status, bytes, start, end) => {
          waiting -= 1;
          if (status !== 200) fail(new Error(`${status} ${bytes.toString('utf8', start, end)}`));
          else {
            for (const { number, handle } of reader.read(bytes, start, end)) {
              this.ledger.receive(number);
              handles.push(handle);
            }
            ask(wire);
          }
        });
      };
      for (const wire of wires) ask(wire);
      await until(() => asked >= messages && waiting === 0, failed);
    });
    return handles;
  }

  /** Deletes by handles, in tens. */
  async deleteHeld(broker: Polymq, handles: readonly Buffer[]): Promise<void> {
    let at = 0;
    let waiting = 0;
    await this.#with(broker, async (wires, where, fail, failed) => {
      for (const wire of wires) {
        const deletes = new DeleteRequests(where);
        const next = () => {
          if (at >= handles.length) return;
          const some = handles.slice(at, at + BATCH);
          at += some.length;
          waiting += 1;
          wire.request(deletes.write(some), (status, bytes, start, end) => {
            waiting -= 1;
            const answer = bytes.toString('utf8', start, end);
            if (status !== 200 || answer.includes('"Failed":[{')) fail(new Error(answer));
            else next();
          });
        };
        next();
      }
      await until(() => at >= handles.length && waiting === 0, failed);
    });
  }

  async #with(
    broker: Polymq,
    work: (
      wires: readonly HttpWire[],
      where: { host: string; queueUrl: string },
      fail: (error: Error) => void,
      failed: Promise<never>,
    ) => Promise<void>,
  ): Promise<void> {
    const port = broker.port('aws');
    const wires: HttpWire[] = [];
    let fail!: (error: Error) => void;
    const failed = new Promise<never>((_, reject) => {
      fail = reject;
    });
    failed.catch(() => {});
    try {
      for (let i = 0; i < CONNECTIONS; i += 1) {
        const wire = await HttpWire.connect({ port });
        wire.onClosed = fail;
        wires.push(wire);
      }
      const where = { host: `127.0.0.1:${port}`, queueUrl: urlOf(broker, this.#queue) };
      await work(wires, where, fail, failed);
    } finally {
      for (const wire of wires) wire.destroy();
    }
  }
}

async function until(
  condition: () => boolean,
  failed: Promise<never>,
  onProgress?: () => void,
): Promise<void> {
  const deadline = performance.now() + WORK_MS_MAX;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('it took too long');
    await Promise.race([pause(POLL_MS), failed]);
    onProgress?.();
  }
}

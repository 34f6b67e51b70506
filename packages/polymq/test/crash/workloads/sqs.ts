/**
 * The SQS and SNS workload: senders to standard queues, to FIFO queues with deduplication, and to topics of both kinds;
 * receivers that delete, give back, keep for longer and forget; and a queue whose messages end as dead letters.
 * Everything is spoken on the wire, so that the moment of each answer is known.
 */
import { AwsClient } from '../../support/aws-client.ts';
import type { Actor, ActorOptions } from './sqs/actor.ts';
import { drainQueues } from './sqs/drain.ts';
import { FifoSender } from './sqs/fifo-sender.ts';
import { PoisonReceiver } from './sqs/poison-receiver.ts';
import { Receiver } from './sqs/receiver.ts';
import { Sender } from './sqs/sender.ts';
import { FIFO_QUEUES, makeTopology, missingOf, WORK_QUEUES } from './sqs/topology.ts';
import type { Workload, WorkloadContext } from './workload.ts';

const SENDERS = 3;
const FIFO_SENDERS = 3;
/** Two clients compete for each queue. */
const RECEIVED: readonly string[] = [
  ...WORK_QUEUES,
  ...FIFO_QUEUES,
  ...WORK_QUEUES,
  ...FIFO_QUEUES,
];
const FINISH_MS_MAX = 60_000;

export class SqsWorkload implements Workload {
  readonly schemes = ['aws'] as const;
  readonly errors = new Map<string, number>();
  readonly problems: string[] = [];
  acknowledged = 0;
  readonly #context: WorkloadContext;
  readonly #senders: Actor[] = [];
  readonly #receivers: Actor[] = [];
  #values = 0;

  constructor(context: WorkloadContext) {
    this.#context = context;
  }

  get #port(): number {
    return this.#context.port('aws');
  }

  async start(): Promise<void> {
    const client = await AwsClient.connect({ port: this.#port });
    await makeTopology(client, this.#context.history.queues);
    client.destroy();
    for (let i = 0; i < SENDERS; i += 1) {
      this.#senders.push(new Sender(this.#options(`sender-${i}`)));
    }
    for (let i = 0; i < FIFO_SENDERS; i += 1) {
      this.#senders.push(new FifoSender(this.#options(`fifo-sender-${i}`)));
    }
    for (const [i, queue] of RECEIVED.entries()) {
      this.#receivers.push(new Receiver({ ...this.#options(`receiver-${i}`), queue }));
    }
    this.#receivers.push(new PoisonReceiver(this.#options('poisoned')));
    for (const each of [...this.#senders, ...this.#receivers]) each.start();
  }

  /** What was made is there again, as it was. */
  async afterRestart(): Promise<void> {
    try {
      const client = await AwsClient.connect({ port: this.#port });
      for (const missing of await missingOf(client)) {
        this.problems.push(`after a restart: ${missing}`);
      }
      client.destroy();
    } catch (error) {
      this.problems.push(`after a restart: ${error}`);
    }
  }

  async finish(): Promise<void> {
    const late = new Promise<string>((resolve) => {
      setTimeout(() => resolve('late'), FINISH_MS_MAX).unref();
    });
    for (const actors of [this.#senders, this.#receivers]) {
      const ended = Promise.all(actors.map((each) => each.finish()));
      if ((await Promise.race([ended, late])) === 'late') {
        this.problems.push(`a client did not end within ${FINISH_MS_MAX} ms`);
      }
    }
  }

  async drain(): Promise<void> {
    this.problems.push(...(await drainQueues(this.#port, this.#context.history.queues)));
  }

  #options(name: string): ActorOptions {
    return {
      name,
      port: this.#port,
      random: this.#context.random.fork(),
      history: this.#context.history.queues,
      nextValue: () => {
        this.#values += 1;
        return `v${this.#values}`;
      },
      onDone: (count) => {
        this.acknowledged += count;
      },
      onError: (error) => this.#count(error),
      onProblem: (problem) => this.problems.push(problem),
    };
  }

  #count(error: unknown): void {
    // Ports and handles would make every occurrence another error.
    const text = String(error)
      .replace(/Value \S+ for/, 'Value … for')
      .replace(/\d{4,}/g, 'N');
    this.errors.set(text, (this.errors.get(text) ?? 0) + 1);
  }
}

/**
 * The AMQP workload: confirmed publishers through a direct, a fanout and a topic exchange into durable queues,
 * consumers that acknowledge, requeue and reject into dead-letter queues, and one queue that nobody
 * consumes. Everything is spoken on the wire, so that the moment of each acknowledgement is known.
 */
import { AmqpWire } from '../../support/amqp-wire.ts';
import { Consumer } from './amqp/consumer.ts';
import { drainQueues } from './amqp/drain.ts';
import { Publisher } from './amqp/publisher.ts';
import {
  DRAINED_QUEUES,
  deadLetterOf,
  declareTopology,
  MARKER_QUEUE,
  ROUTES,
  WORK_QUEUES,
} from './amqp/topology.ts';
import type { Workload, WorkloadContext } from './workload.ts';

/** Two consumers compete for the first; some dead letters are consumed too. */
const CONSUMED: readonly string[] = [...WORK_QUEUES, WORK_QUEUES[0], deadLetterOf(WORK_QUEUES[1])];
const FINISH_MS_MAX = 60_000;

export class AmqpWorkload implements Workload {
  readonly schemes = ['amqp'] as const;
  readonly errors = new Map<string, number>();
  readonly problems: string[] = [];
  acknowledged = 0;
  readonly #context: WorkloadContext;
  readonly #publishers: Publisher[] = [];
  readonly #consumers: Consumer[] = [];
  #values = 0;

  constructor(context: WorkloadContext) {
    this.#context = context;
  }

  get #port(): number {
    return this.#context.port('amqp');
  }

  async start(): Promise<void> {
    const wire = await AmqpWire.connect({ port: this.#port });
    await declareTopology(await wire.openChannel(), this.#context.history.queues);
    await wire.close();
    const shared = {
      port: this.#port,
      history: this.#context.history.queues,
      onError: (error: unknown) => this.#count(error),
      onProblem: (problem: string) => this.problems.push(problem),
    };
    const counted = (count: number) => {
      this.acknowledged += count;
    };
    for (const [i, routes] of ROUTES.entries()) {
      const nextValue = () => {
        this.#values += 1;
        return `v${this.#values}`;
      };
      const random = this.#context.random.fork();
      const name = `publisher-${i}`;
      this.#publishers.push(
        new Publisher({ ...shared, name, routes, random, nextValue, onConfirmed: counted }),
      );
    }
    for (const [i, queue] of CONSUMED.entries()) {
      const random = this.#context.random.fork();
      const name = `consumer-${i}`;
      this.#consumers.push(new Consumer({ ...shared, name, queue, random, onCommitted: counted }));
    }
    for (const each of [...this.#publishers, ...this.#consumers]) each.start();
  }

  /** What was declared durable is there again. */
  async afterRestart(): Promise<void> {
    const wire = await AmqpWire.connect({ port: this.#port });
    const channel = await wire.openChannel();
    try {
      for (const queue of [...DRAINED_QUEUES, MARKER_QUEUE]) {
        await channel.declareQueue(queue, { passive: true });
      }
    } catch (error) {
      this.problems.push(`after a restart: ${error}`);
    }
    wire.destroy();
  }

  async finish(): Promise<void> {
    const late = new Promise<string>((resolve) => {
      setTimeout(() => resolve('late'), FINISH_MS_MAX).unref();
    });
    const publishers = Promise.all(this.#publishers.map((each) => each.finish()));
    if ((await Promise.race([publishers, late])) === 'late') {
      this.problems.push(`a publisher did not end within ${FINISH_MS_MAX} ms`);
    }
    const consumers = Promise.all(this.#consumers.map((each) => each.finish()));
    if ((await Promise.race([consumers, late])) === 'late') {
      this.problems.push(`a consumer did not end within ${FINISH_MS_MAX} ms`);
    }
  }

  async drain(): Promise<void> {
    await drainQueues(this.#port, DRAINED_QUEUES, this.#context.history.queues);
  }

  #count(error: unknown): void {
    // Ports would make every occurrence another error.
    const text = String(error).replace(/\d{4,}/g, 'N');
    this.errors.set(text, (this.errors.get(text) ?? 0) + 1);
  }
}

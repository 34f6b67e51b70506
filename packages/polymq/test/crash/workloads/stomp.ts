/**
 * The STOMP workload: publishers with receipts and in transactions to queues, a topic and an exchange; consumers that acknowledge
 * one by one and all at once, give back and reject; and a queue that nobody consumes. What STOMP has no words for
 * (bindings, what is left in a queue) is said over AMQP.
 */
import { AmqpWire } from '../../support/amqp-wire.ts';
import { StompWire } from '../../support/stomp-wire.ts';
import { drainQueues } from './amqp/drain.ts';
import type { Actor, ActorOptions } from './stomp/actor.ts';
import { Consumer } from './stomp/consumer.ts';
import { Publisher } from './stomp/publisher.ts';
import { CONSUMED, DRAINED_QUEUES, declareTopology, ROUTES } from './stomp/topology.ts';
import { Transactor } from './stomp/transactor.ts';
import type { Workload, WorkloadContext } from './workload.ts';

const TRANSACTORS = 2;
const FINISH_MS_MAX = 60_000;

export class StompWorkload implements Workload {
  readonly schemes = ['stomp', 'amqp'] as const;
  readonly errors = new Map<string, number>();
  readonly problems: string[] = [];
  acknowledged = 0;
  readonly #context: WorkloadContext;
  readonly #publishers: Actor[] = [];
  readonly #consumers: Actor[] = [];
  #values = 0;

  constructor(context: WorkloadContext) {
    this.#context = context;
  }

  async start(): Promise<void> {
    const wire = await AmqpWire.connect({ port: this.#context.port('amqp') });
    await declareTopology(await wire.openChannel(), this.#context.history.queues);
    await wire.close();
    for (const [i, routes] of ROUTES.entries()) {
      this.#publishers.push(new Publisher({ ...this.#options(`publisher-${i}`), routes }));
    }
    for (let i = 0; i < TRANSACTORS; i += 1) {
      this.#publishers.push(new Transactor(this.#options(`transactor-${i}`)));
    }
    for (const [i, consumed] of CONSUMED.entries()) {
      this.#consumers.push(new Consumer({ ...this.#options(`consumer-${i}`), consumed }));
    }
    for (const each of [...this.#publishers, ...this.#consumers]) each.start();
  }

  /** Whoever connects is let in. */
  async afterRestart(): Promise<void> {
    try {
      const wire = await StompWire.connect({ port: this.#context.port('stomp') });
      await wire.disconnect();
    } catch (error) {
      this.problems.push(`after a restart: ${error}`);
    }
  }

  async finish(): Promise<void> {
    const late = new Promise<string>((resolve) => {
      setTimeout(() => resolve('late'), FINISH_MS_MAX).unref();
    });
    for (const actors of [this.#publishers, this.#consumers]) {
      const ended = Promise.all(actors.map((each) => each.finish()));
      if ((await Promise.race([ended, late])) === 'late') {
        this.problems.push(`a client did not end within ${FINISH_MS_MAX} ms`);
      }
    }
  }

  async drain(): Promise<void> {
    await drainQueues(this.#context.port('amqp'), DRAINED_QUEUES, this.#context.history.queues);
  }

  #options(name: string): ActorOptions {
    return {
      name,
      port: this.#context.port('stomp'),
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
    // Ports would make every occurrence another error.
    const text = String(error).replace(/\d{4,}/g, 'N');
    this.errors.set(text, (this.errors.get(text) ?? 0) + 1);
  }
}

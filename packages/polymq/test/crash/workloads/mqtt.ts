/**
 * The MQTT workload: publishers with QoS 1 and, remembering what they have sent, with QoS 2; subscribers whose sessions live on
 * while they and the broker come and go; one session that is away all the time; and retained messages. Everything is spoken
 * on the wire, with a client's memory of QoS 2 kept here, where no crash reaches it.
 */
import { MqttWire } from '../../support/mqtt-wire.ts';
import type { Actor, ActorOptions } from './mqtt/actor.ts';
import { ExactPublisher } from './mqtt/exact-publisher.ts';
import { Publisher } from './mqtt/publisher.ts';
import { beginRetained, observeRetained, RetainedWriter } from './mqtt/retained.ts';
import { Subscriber } from './mqtt/subscriber.ts';
import { EXACT_TOPICS, KEPT, MARKERS, OFTEN_TOPICS, SESSIONS } from './mqtt/topology.ts';
import type { Workload, WorkloadContext } from './workload.ts';

const VERSIONS = [4, 5] as const;
const FINISH_MS_MAX = 60_000;

export class MqttWorkload implements Workload {
  readonly schemes = ['mqtt'] as const;
  readonly errors = new Map<string, number>();
  readonly problems: string[] = [];
  acknowledged = 0;
  readonly #context: WorkloadContext;
  readonly #publishers: Actor[] = [];
  readonly #subscribers: Subscriber[] = [];
  #kept: Subscriber | undefined;
  #values = 0;

  constructor(context: WorkloadContext) {
    this.#context = context;
  }

  get #port(): number {
    return this.#context.port('mqtt');
  }

  async start(): Promise<void> {
    await this.#makeSessions();
    for (const version of VERSIONS) {
      const often = this.#options(`publisher-${version}`);
      this.#publishers.push(new Publisher({ ...often, topics: OFTEN_TOPICS, version }));
      const exact = this.#options(`exact-publisher-${version}`);
      this.#publishers.push(new ExactPublisher({ ...exact, topics: EXACT_TOPICS, version }));
    }
    beginRetained(this.#context.history);
    this.#publishers.push(new RetainedWriter(this.#options('retained-writer')));
    for (const session of SESSIONS) {
      this.#subscribers.push(new Subscriber({ ...this.#options(session.clientId), session }));
    }
    this.#kept = new Subscriber({ ...this.#options(KEPT.clientId), session: KEPT });
    for (const each of [...this.#publishers, ...this.#subscribers]) each.start();
  }

  /** The retained messages are those of before. */
  async afterRestart(): Promise<void> {
    try {
      const { history } = this.#context;
      this.problems.push(...(await observeRetained(this.#port, history)));
    } catch (error) {
      this.problems.push(`after a restart: ${error}`);
    }
  }

  async finish(): Promise<void> {
    const late = new Promise<string>((resolve) => {
      setTimeout(() => resolve('late'), FINISH_MS_MAX).unref();
    });
    for (const actors of [this.#publishers, this.#subscribers]) {
      const ended = Promise.all(actors.map((each) => each.finish()));
      if ((await Promise.race([ended, late])) === 'late') {
        this.problems.push(`a client did not end within ${FINISH_MS_MAX} ms`);
      }
    }
  }

  async drain(): Promise<void> {
    await this.afterRestart();
    for (const each of [...this.#subscribers, this.#kept!]) await each.drain();
  }

  async #makeSessions(): Promise<void> {
    for (const session of [...SESSIONS, KEPT, MARKERS]) {
      const { clientId, version, subscriptions, exact, group } = session;
      const wire = await MqttWire.connect({ port: this.#port, clientId, version, clean: false });
      const granted = await wire.subscribe(subscriptions);
      for (const [i, { topic, qos }] of subscriptions.entries()) {
        if (granted[i] !== qos) this.problems.push(`${topic} was granted QoS ${granted[i]}`);
      }
      await wire.disconnect();
      const { queues } = this.#context.history;
      if (group !== undefined) queues.declared(group);
      else if (session !== MARKERS) queues.session({ queue: clientId, once: exact });
    }
  }

  #options(name: string): ActorOptions {
    return {
      name,
      port: this.#port,
      random: this.#context.random.fork(),
      history: this.#context.history,
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

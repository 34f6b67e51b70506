/** A group of a topic: its members share the records, and what they have done is committed. */
import { requireCapability, unsupported } from '../driver/require-capability.ts';
import { PolymqError } from '../errors.ts';
import { reasonText } from '../lib/describe.ts';
import { checkOptions } from '../lib/known-options.ts';
import { HEADER } from '../message/headers.ts';
import type { Handler, Message } from '../message/message.ts';
import type { WireMessage } from '../message/wire-message.ts';
import { withSource } from '../queue/consumer-source.ts';
import type { Declaration } from '../queue/declaration.ts';
import { loopOptions, MessageIterator } from '../queue/message-iterator.ts';
import { CONSUME_OPTIONS } from '../queue/option-names.ts';
import type { ConsumeOptions, Consumer } from '../queue/queue.ts';
import { type RetryPolicy, retryPolicy } from '../queue/retry.ts';
import { Committing } from './committing.ts';
import { GROUP_OPTIONS } from './option-names.ts';
import { positionOf } from './position.ts';
import type { Reading } from './reading.ts';
import type { From, Group, GroupOptions } from './topic.ts';
import { TopicConsumer } from './topic-consumer.ts';
import type { TopicMessage } from './topic-message.ts';
import type { TopicPlan } from './topic-plan.ts';

export class OpenGroup<T> implements Group<T> {
  readonly name: string;
  readonly #plan: TopicPlan;
  readonly #declaration: Declaration;
  readonly #options: GroupOptions;
  readonly #retry: RetryPolicy;
  readonly #deadLetter: string | undefined;

  constructor(plan: TopicPlan, declaration: Declaration, name: string, options: GroupOptions) {
    const { driver, random } = plan.context;
    requireCapability(driver, 'group');
    if (plan.topics.joinGroup === undefined) throw unsupported(driver, 'group');
    if (plan.spec.live) {
      throw new PolymqError(
        'invalid-argument',
        `${plan.label} is live and stores nothing, so a group has nothing to share; leave out \`live\`, or subscribe`,
      );
    }
    if (name === '') throw new PolymqError('invalid-argument', 'a group needs a name');
    this.name = name;
    const label = `group "${name}" of ${plan.label}`;
    this.#plan = { ...plan, label, place: { ...plan.place, group: name } };
    checkOptions(options, GROUP_OPTIONS, label);
    this.#declaration = declaration;
    this.#options = options;
    this.#retry = retryPolicy(options.retry, label, random);
    const { deadLetter = `${plan.name}-${name}-dlq` } = options;
    this.#deadLetter = deadLetter === false ? undefined : deadLetter;
  }

  get topic(): string {
    return this.#plan.name;
  }

  consume(handler: Handler<T>, options: ConsumeOptions = {}): Consumer {
    return withSource(this.#consume(handler as Handler, options), this);
  }

  messages(options: ConsumeOptions = {}): AsyncIterableIterator<Message<T>> {
    const one = loopOptions(options, this.#plan.label);
    return new MessageIterator<T>((handler) => this.#consume(handler, one));
  }

  async lag(): Promise<{ total: number; partitions: Readonly<Record<number, number>> }> {
    const { topics, name, context } = this.#plan;
    await this.#open();
    if (topics.groupLag === undefined) throw unsupported(context.driver, 'group');
    const lags = await topics.groupLag(name, this.name);
    let total = 0;
    for (const lag of lags.values()) total += lag;
    return { total, partitions: Object.fromEntries(lags) };
  }

  async seek(to: From): Promise<void> {
    const { topics, name, label, context } = this.#plan;
    const position = positionOf(to, `seek of ${label}`);
    requireCapability(context.driver, 'replay');
    await this.#open();
    if (topics.seekGroup === undefined) throw unsupported(context.driver, 'replay');
    await topics.seekGroup(name, this.name, position);
  }

  async #open(): Promise<void> {
    this.#plan.context.checkOpen();
    await this.#declaration.ready();
  }

  #consume(handler: Handler, options: ConsumeOptions): Consumer {
    const plan = this.#plan;
    checkOptions(options, CONSUME_OPTIONS, `a consumer of ${plan.label}`);
    const from = positionOf(this.#options.from ?? 'start', `from of ${plan.label}`);
    const { clock, onError } = plan.context;
    const committing = new Committing(clock, options.onError ?? onError);
    const reading: Reading = {
      plan,
      retry: this.#retry,
      committing,
      filter: undefined,
      open: async (sink) => {
        await this.#declaration.ready();
        await this.#declareDeadLetter();
        const member = await plan.topics.joinGroup!(plan.name, this.name, from, sink);
        committing.start(member);
        return member;
      },
      bury: (message, reason) => this.#bury(message, reason),
    };
    return new TopicConsumer(reading, handler, options);
  }

  async #declareDeadLetter(): Promise<void> {
    if (this.#deadLetter === undefined || !this.#plan.declare) return;
    await this.#plan.topics.declareTopic({ name: this.#deadLetter, live: false });
  }

  async #bury(message: TopicMessage, reason: unknown): Promise<boolean> {
    const { topics, name, context } = this.#plan;
    if (this.#deadLetter === undefined) return false;
    const { partition, offset, ...record } = message.record;
    const letter: WireMessage = {
      ...record,
      headers: {
        ...record.headers,
        [HEADER.attempts]: String(Math.max(1, message.retryCount)),
        [HEADER.errors]: JSON.stringify(message.errors),
        [HEADER.deadQueue]: name,
        [HEADER.deadReason]: reasonText(message.storable(reason)),
        [HEADER.deadAt]: String(context.clock.nowMs()),
      },
    };
    await topics.publish(this.#deadLetter, [letter]);
    return true;
  }
}

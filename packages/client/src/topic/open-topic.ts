/** A topic of a client: publishing, reading all of it, and its groups. */

import type { PublishOutcome } from '../driver/driver.ts';
import { requireCapability } from '../driver/require-capability.ts';
import { PolymqError } from '../errors.ts';
import { sendChannel } from '../lib/diagnostics.ts';
import { durationMs } from '../lib/duration.ts';
import { checkOptions } from '../lib/known-options.ts';
import { isPromise, type Maybe } from '../lib/maybe.ts';
import { within } from '../lib/within.ts';
import { AROUND_SEND, ENCODE, type Encodes } from '../message/encodes.ts';
import type { Handler, Message } from '../message/message.ts';
import { MessageWriter, PLAIN } from '../message/message-writer.ts';
import { sameOptions } from '../message/same-options.ts';
import type { OutgoingMessage } from '../message/wire-message.ts';
import { wrapSend } from '../message/wrapping.ts';
import { Declaration } from '../queue/declaration.ts';
import type { Consumer } from '../queue/queue.ts';
import { retryPolicy } from '../queue/retry.ts';
import { OpenGroup } from './open-group.ts';
import { PUBLISH_OPTIONS, SUBSCRIBE_OPTIONS } from './option-names.ts';
import { positionOf } from './position.ts';
import type { Reading } from './reading.ts';
import type {
  Group,
  GroupOptions,
  Published,
  PublishItem,
  PublishOptions,
  SubscribeOptions,
  Topic,
} from './topic.ts';
import { TopicConsumer } from './topic-consumer.ts';
import type { TopicMessage } from './topic-message.ts';
import type { TopicPlan } from './topic-plan.ts';

const NO_OPTIONS: PublishOptions = Object.freeze({});

type Outcomes = readonly PublishOutcome[];
type Publish = (
  messages: readonly OutgoingMessage[],
  timeoutMs: number | undefined,
) => Promise<Outcomes>;

type Around = (
  messages: readonly OutgoingMessage[],
  keep: () => Promise<unknown>,
) => Promise<unknown>;

export class OpenTopic<T = unknown> implements Topic<T>, Encodes<T, PublishOptions> {
  #plan: TopicPlan;
  #declaration: Declaration;
  #writer: MessageWriter;
  #publish: Publish;
  #around: Around;
  /** By subscribers and groups, which go on as they began. */
  #isRead = false;

  constructor(plan: TopicPlan) {
    this.#plan = plan;
    this.#declaration = declarationOf(plan);
    this.#writer = writerOf(plan);
    this.#publish = this.#publishOf(plan);
    this.#around = aroundOf(plan);
  }

  /** Goes on by another plan; `false`: it cannot, for it is read or declared by the one that it has. */
  adopt(plan: TopicPlan): boolean {
    if (this.#isRead) return false;
    if (this.#declaration.untried) this.#declaration = declarationOf(plan);
    else if (!sameOptions(this.#plan.spec, plan.spec)) return false;
    this.#plan = plan;
    this.#writer = writerOf(plan);
    this.#publish = this.#publishOf(plan);
    this.#around = aroundOf(plan);
    return true;
  }

  get name(): string {
    return this.#plan.name;
  }

  async ready(): Promise<void> {
    this.#plan.context.checkOpen();
    await this.#declaration.ready();
  }

  [ENCODE](data: T | Message<T>, options: PublishOptions): Maybe<OutgoingMessage> {
    this.#checkPublish(options);
    return this.#writer.write(data, options, PLAIN);
  }

  [AROUND_SEND]<R>(message: OutgoingMessage, keep: () => Promise<R>): Promise<R> {
    return this.#around([message], keep) as Promise<R>;
  }

  async publish(data: T | Message<T>, options: PublishOptions = NO_OPTIONS): Promise<Published> {
    this.#plan.context.checkOpen();
    this.#checkPublish(options);
    const written = this.#writer.write(data, options, PLAIN);
    const message = isPromise(written) ? await written : written;
    const [outcome] = await this.#publish([message], this.#timeoutMs(options));
    return publishedAt(message.id, outcome);
  }

  async publishBatch(items: readonly PublishItem<T>[]): Promise<Published[]> {
    this.#plan.context.checkOpen();
    if (items.length === 0) return [];
    this.#checkPublish(items[0]);
    const messages: OutgoingMessage[] = [];
    let timeoutMs: number | undefined;
    for (const item of items) {
      const written = this.#writer.write(item.data, item, PLAIN);
      messages.push(isPromise(written) ? await written : written);
      const its = this.#timeoutMs(item);
      if (its !== undefined) timeoutMs = Math.min(timeoutMs ?? its, its);
    }
    const outcomes = await this.#publish(messages, timeoutMs);
    return messages.map(({ id }, index) => publishedAt(id, outcomes[index]));
  }

  #checkPublish(options: PublishOptions | undefined): void {
    checkOptions<PublishOptions>(options, PUBLISH_OPTIONS, `a publish to ${this.#plan.label}`);
  }

  subscribe(handler: Handler<T>, options: SubscribeOptions<T> = {}): Consumer {
    const plan = this.#plan;
    checkOptions<SubscribeOptions>(
      options as SubscribeOptions,
      SUBSCRIBE_OPTIONS,
      `a subscription to ${plan.label}`,
    );
    const { from = 'new', filter, retry } = options;
    const position = positionOf(from, `from of a subscription to ${plan.label}`);
    if (position.at !== 'new') {
      requireCapability(plan.context.driver, 'replay');
      if (plan.spec.live) throw nothingStored(plan.label);
    }
    const reading: Reading = {
      plan,
      retry: retryPolicy(retry, plan.label, plan.context.random),
      committing: undefined,
      filter: filter as ((message: TopicMessage) => boolean) | undefined,
      open: async (sink) => {
        await this.#declaration.ready();
        return plan.topics.subscribeTopic(plan.name, position, sink);
      },
      bury: async () => false,
    };
    const consumer = new TopicConsumer(reading, handler as Handler, options);
    this.#isRead = true;
    return consumer;
  }

  group(name: string, options: GroupOptions = {}): Group<T> {
    const group = new OpenGroup<T>(this.#plan, this.#declaration, name, options);
    this.#isRead = true;
    return group;
  }

  async delete(): Promise<void> {
    this.#plan.context.checkOpen();
    await this.#plan.topics.deleteTopic(this.name);
    this.#declaration.forget();
  }

  #publishOf({ place, interceptors }: TopicPlan): Publish {
    return wrapSend(place, interceptors, (messages, timeoutMs) =>
      this.#toDriver(messages, timeoutMs),
    );
  }

  #timeoutMs({ timeout }: PublishOptions): number | undefined {
    return timeout === undefined
      ? undefined
      : durationMs(timeout, `timeout of a publish to ${this.#plan.label}`);
  }

  async #toDriver(
    messages: readonly OutgoingMessage[],
    timeoutMs: number | undefined,
  ): Promise<Outcomes> {
    const { context, topics, name, place, label } = this.#plan;
    if (sendChannel.hasSubscribers) sendChannel.publish({ place, messages });
    context.openCalls.begin();
    try {
      const published = this.#declaration.done
        ? topics.publish(name, messages, timeoutMs)
        : this.#declaration.ready().then(() => topics.publish(name, messages, timeoutMs));
      if (timeoutMs === undefined) return await published;
      return await within(published, timeoutMs, context.clock, () => tooLate(label, timeoutMs));
    } finally {
      context.openCalls.end();
    }
  }
}

function declarationOf({ topics, spec, declare }: TopicPlan): Declaration {
  return new Declaration(async () => {
    if (declare) await topics.declareTopic(spec);
  });
}

function writerOf({ place, contracts, interceptors, context }: TopicPlan): MessageWriter {
  return new MessageWriter({ place, clock: context.clock, contracts, interceptors });
}

function aroundOf({ place, interceptors }: TopicPlan): Around {
  return wrapSend(place, interceptors, (_, keep: () => Promise<unknown>) => keep());
}

function publishedAt(id: string, outcome: PublishOutcome | undefined): Published {
  if (outcome === undefined) return { id, partition: undefined, offset: undefined };
  const { partition, offset } = outcome;
  return {
    id,
    partition: partition < 0 ? undefined : partition,
    offset: offset < 0 ? undefined : offset,
  };
}

function tooLate(label: string, timeoutMs: number): PolymqError {
  return new PolymqError(
    'timeout',
    `publishing to ${label} took longer than ${timeoutMs} ms: the engine did not answer; publish it again later (the engine may have it)`,
  );
}

function nothingStored(label: string): PolymqError {
  return new PolymqError(
    'invalid-argument',
    `${label} is live and stores nothing to begin with; leave out \`live\`, or subscribe from 'new'`,
  );
}

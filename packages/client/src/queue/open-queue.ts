/** A queue of a client: puts the parts together, one for each depth at which messages are sent and received. */

import type { ClientContext } from '../driver/client-context.ts';
import type { QueueSpec, QueueStats, SendOutcome } from '../driver/driver.ts';
import type { PolymqError } from '../errors.ts';
import { durationMs } from '../lib/duration.ts';
import { checkOptions } from '../lib/known-options.ts';
import { isPromise, type Maybe } from '../lib/maybe.ts';
import { AROUND_SEND, ENCODE, type Encodes } from '../message/encodes.ts';
import type { Handler, Message } from '../message/message.ts';
import { sameOptions } from '../message/same-options.ts';
import type { OutgoingMessage } from '../message/wire-message.ts';
import { withSource } from './consumer-source.ts';
import { QueueDeadLetters } from './dead-letters.ts';
import { Declaration } from './declaration.ts';
import { loopOptions, MessageIterator } from './message-iterator.ts';
import { CONSUME_OPTIONS, SEND_OPTIONS } from './option-names.ts';
import type {
  BatchItem,
  BatchOutcome,
  ConsumeOptions,
  Consumer,
  DeadLetters,
  Queue,
  ReceiveBatchOptions,
  ReceiveOptions,
  SendOptions,
  Sent,
} from './queue.ts';
import { QueueConsumer } from './queue-consumer.ts';
import { type QueuePlan, usualPriorityMax } from './queue-plan.ts';
import { QueueReceiver } from './queue-receiver.ts';
import { QueueSender } from './queue-sender.ts';
import { Settling } from './settling.ts';

const NO_OPTIONS: SendOptions = Object.freeze({});

/** Made for one plan, all of them. */
interface QueueParts {
  readonly plan: QueuePlan;
  readonly declaration: Declaration;
  readonly settling: Settling;
  readonly sender: QueueSender;
  readonly receiver: QueueReceiver;
}

export class OpenQueue<T = unknown> implements Queue<T>, Encodes<T, SendOptions> {
  readonly deadLetters: DeadLetters<T>;
  #parts: QueueParts;
  /** By a consumer, which goes on as it began. */
  #isConsumed = false;

  constructor(plan: QueuePlan) {
    this.#parts = partsOf(plan, declarationOf(plan));
    this.deadLetters = new QueueDeadLetters<T>(() => this.#parts);
  }

  /** What it is declared with. */
  get plan(): QueuePlan {
    return this.#parts.plan;
  }

  /** Goes on by another plan; `false`: it cannot, for it is consumed or declared by the one that it has. */
  adopt(plan: QueuePlan): boolean {
    const { plan: known, declaration } = this.#parts;
    if (this.#isConsumed) return false;
    if (declaration.untried) this.#parts = partsOf(plan, declarationOf(plan));
    else if (sameAtEngine(known, plan)) this.#parts = partsOf(plan, declaration);
    else return false;
    return true;
  }

  get name(): string {
    return this.#parts.plan.name;
  }

  async ready(): Promise<void> {
    this.#parts.plan.context.checkOpen();
    await this.#parts.declaration.ready();
  }

  async send(data: T | Message<T>, options: SendOptions = NO_OPTIONS): Promise<Sent> {
    this.#checkSend(options);
    const written = this.#parts.sender.write(data, options, this.#parts.plan.context.clock.nowMs());
    const message = isPromise(written) ? await written : written;
    const outcomes = await this.#parts.sender.send([message], options.timeout);
    const outcome = outcomes?.[0];
    if (outcome === undefined) return { id: message.id, duplicate: false };
    if ('error' in outcome) throw outcome.error;
    return { id: message.id, duplicate: outcome.duplicate };
  }

  [ENCODE](data: T | Message<T>, options: SendOptions): Maybe<OutgoingMessage> {
    this.#checkSend(options);
    return this.#parts.sender.encode(data, options);
  }

  [AROUND_SEND]<R>(message: OutgoingMessage, keep: () => Promise<R>): Promise<R> {
    return this.#parts.sender.around(message, keep);
  }

  async sendBatch(items: readonly BatchItem<T>[]): Promise<BatchOutcome[]> {
    const { context } = this.#parts.plan;
    context.checkOpen();
    // Those of a batch are all made by the same line of a program.
    this.#checkSend(items[0]);
    const nowMs = context.clock.nowMs();
    const outcomes: BatchOutcome[] = new Array(items.length);
    const messages: OutgoingMessage[] = [];
    /** Where in `items` each of the messages stands; undefined while it is the same place. */
    let places: number[] | undefined;
    for (let index = 0; index < items.length; index += 1) {
      const item = items[index]!;
      try {
        const written = this.#parts.sender.write(item.data, item, nowMs);
        messages.push(isPromise(written) ? await written : written);
        places?.push(index);
      } catch (error) {
        places ??= Array.from(messages, (_, place) => place);
        outcomes[index] = failed(item, error);
      }
    }
    if (messages.length === 0) return outcomes;
    const sent = await this.#parts.sender.send(messages, shortestTimeout(items));
    for (let place = 0; place < messages.length; place += 1) {
      outcomes[places?.[place] ?? place] = outcomeOf(messages[place]!.id, sent?.[place]);
    }
    return outcomes;
  }

  async receive(options: ReceiveOptions = {}): Promise<Message<T> | undefined> {
    const [message] = await this.#parts.receiver.receive({ ...options, max: 1 });
    return message as Message<T> | undefined;
  }

  async receiveBatch(options: ReceiveBatchOptions): Promise<Message<T>[]> {
    return (await this.#parts.receiver.receive(options)) as Message<T>[];
  }

  consume(handler: Handler<T>, options: ConsumeOptions = {}): Consumer {
    return withSource(this.#consume(handler as Handler, options), this);
  }

  messages(options: ConsumeOptions = {}): AsyncIterableIterator<Message<T>> {
    const one = loopOptions(options, this.#parts.plan.label);
    return new MessageIterator<T>((handler) => this.#consume(handler, one));
  }

  async stats(): Promise<QueueStats> {
    await this.ready();
    return this.#parts.plan.queues.queueStats(this.name);
  }

  async purge(): Promise<number | undefined> {
    await this.ready();
    return this.#parts.plan.queues.purgeQueue(this.name);
  }

  async delete(): Promise<void> {
    this.#parts.plan.context.checkOpen();
    await this.#parts.plan.queues.deleteQueue(this.name);
    this.#parts.declaration.forget();
  }

  #checkSend(options: SendOptions | undefined): void {
    checkOptions<SendOptions>(options, SEND_OPTIONS, `a send to ${this.#parts.plan.label}`);
  }

  #consume(handler: Handler, options: ConsumeOptions): Consumer {
    checkOptions(options, CONSUME_OPTIONS, `a consumer of ${this.#parts.plan.label}`);
    const consumer = new QueueConsumer(this.#parts, handler, options);
    this.#isConsumed = true;
    return consumer;
  }
}

function partsOf(plan: QueuePlan, declaration: Declaration): QueueParts {
  const settling = new Settling(plan);
  const sender = new QueueSender(plan, declaration);
  const receiver = new QueueReceiver(plan, declaration, settling);
  return { plan, declaration, settling, sender, receiver };
}

function declarationOf(plan: QueuePlan): Declaration {
  const { queues, spec, declare } = plan;
  return new Declaration(async () => {
    if (!declare) return;
    for (const each of deadLetterSpecs(plan)) await queues.declareQueue(each);
    await queues.declareQueue(spec);
  });
}

/** The lease comes with each receive, too. */
function sameAtEngine(one: QueuePlan, other: QueuePlan): boolean {
  return sameOptions({ ...one.spec, leaseMs: 0 }, { ...other.spec, leaseMs: 0 });
}

/**
 * What must be there before the queue: where its dead letters go, and theirs, the last first. They are made as this client makes the queue
 * of that name, if it does.
 */
function deadLetterSpecs({ context, spec, name }: QueuePlan): QueueSpec[] {
  const specs: QueueSpec[] = [];
  const seen = new Set([name]);
  for (let at = spec.deadLetter; at !== undefined && !seen.has(at); ) {
    seen.add(at);
    const made = context.queueMade(at);
    if (made?.declare === false) break;
    const next = made?.spec ?? graveSpec(spec, at, context);
    specs.unshift(next);
    at = next.deadLetter;
  }
  return specs;
}

/** Dead letters keep until somebody looks at them. A queue of that name with nothing but `deadLetter: false` is the same one. */
function graveSpec(spec: QueueSpec, name: string, { driver }: ClientContext): QueueSpec {
  return {
    name,
    durable: spec.durable,
    fifo: false,
    priorityMax: usualPriorityMax(driver, false),
    deadLetter: undefined,
    ttlMs: undefined,
    limit: undefined,
    leaseMs: spec.leaseMs,
  };
}

/** The data is wrong, and the other messages are not. */
function failed(item: SendOptions, error: unknown): BatchOutcome {
  return { id: item.id ?? '', duplicate: false, error: error as PolymqError };
}

function outcomeOf(id: string, outcome: SendOutcome | undefined): BatchOutcome {
  if (outcome === undefined) return { id, duplicate: false };
  if ('error' in outcome) return { id, duplicate: false, error: outcome.error };
  return { id, duplicate: outcome.duplicate };
}

function shortestTimeout(items: readonly SendOptions[]): number | undefined {
  let shortestMs: number | undefined;
  for (const { timeout } of items) {
    if (timeout === undefined) continue;
    const timeoutMs = durationMs(timeout, 'timeout of a send');
    shortestMs = Math.min(shortestMs ?? timeoutMs, timeoutMs);
  }
  return shortestMs;
}

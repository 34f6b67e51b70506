/**
 * Sagas: a business transaction over several services, as a sequence of steps that can be undone.
 *
 * **Orchestration**: one place says what happens next.
 *
 * ```ts
 * const order = saga<{ total: number }>(mq, 'order', { store: db })
 *   .startedBy(OrderPlaced, { by: (m) => m.data.orderId }, (ctx, m) => {
 *     ctx.state = { total: m.data.total };
 *     ctx.send('payments', { charge: ctx.state.total }, { type: 'Charge' });
 *     ctx.compensateWith('payments', { refund: ctx.state.total }, { type: 'Refund', confirmedBy: 'Refunded' });
 *     ctx.timeout('payment', '15m');
 *   })
 *   .on(PaymentTaken, (ctx) => ctx.complete())
 *   .on('Refunded')
 *   .on(PaymentFailed, (ctx) => ctx.compensate())
 *   .onTimeout('payment', (ctx) => ctx.compensate());
 * order.start();
 * await order.send(OrderPlaced, { orderId: '1', total: 10 });
 * ```
 *
 * Participants answer into `order.queue` with the correlation id they got; or publish to a topic the saga was given (`topics`).
 *
 * Guarantees: a message begins a saga once, whatever comes twice; each message takes effect in a saga once (its id is remembered with the state); the
 * messages of a step are stored with the state, sent afterwards, and never lost. They go out in the order in which the saga made them: a step whose messages
 * cannot be sent is tried again, and holds up what later steps of that saga send. A crash, or two processes at work on one saga, may send one twice, with the same
 * id, which the engine drops where it deduplicates (`dedupe`, five minutes on PolyMQ) and receivers can recognize. Compensations go out in reverse order: each one when the one before was
 * confirmed, if it says by what (`confirmedBy`), else right behind it. Handlers change nothing but their context, as they may run more than once.
 *
 * **Choreography**: nobody orchestrates; every service reacts to the events of others. That needs no saga, only topics with a group per service:
 *
 * ```ts
 * const events = mq.topic('order-events');
 * events.group('payment').consume(idempotent(async (m) => {
 *   if (m.type === 'OrderPlaced') await events.publish(await charge(m.data), { type: 'PaymentTaken', key: m.key });
 * }, { store }));
 * events.group('stock').consume(async (m) => {
 *   if (m.type === 'PaymentTaken' && !(await reserve(m.key))) await events.publish({}, { type: 'OutOfStock', key: m.key });
 * });
 * events.group('payment-undo').consume(async (m) => {
 *   if (m.type === 'OutOfStock') await refund(m.key);
 * });
 * ```
 */
import type { Client } from '../../client/client.ts';
import { contextOf } from '../../client/context-of.ts';
import { requireCapability, unsupported } from '../../driver/require-capability.ts';
import { PolymqError } from '../../errors.ts';
import { decodeData } from '../../message/codec.ts';
import type { MessageContract } from '../../message/contract.ts';
import type { Message } from '../../message/message.ts';
import { ReceivedMessage } from '../../message/received-message.ts';
import { withSource } from '../../queue/consumer-source.ts';
import type { ConsumeOptions, Consumer, Queue, Sent } from '../../queue/queue.ts';
import { BoundConsumer } from './bound-consumer.ts';
import { kindName, TIMEOUT_TYPE } from './saga-context.ts';
import type { SagaStore } from './saga-record.ts';
import { type KindRules, SagaRunner } from './saga-runner.ts';
import { LoggedSagas, MemorySagas, SqlSagas } from './saga-stores.ts';
import type {
  BySaga,
  KindData,
  MessageKind,
  Saga,
  SagaContext,
  SagaHandler,
  SagaMessage,
  SagaOptions,
  SagaStatus,
} from './saga-types.ts';

const REMEMBER = 1_000;

// biome-ignore lint/suspicious/noExplicitAny: what the message has is known where the step is added, by its kind.
type AnyHandler<State> = SagaHandler<State, any>;
// biome-ignore lint/suspicious/noExplicitAny: the same.
type ByOption = { readonly by?: BySaga<any> };
/** Options and a handler, or one of them. */
type StepParts<State> = readonly (ByOption | AnyHandler<State> | undefined)[];

/** A saga of that name; add its steps, then `start`. Throws `UnsupportedError` if no `store` is given and the engine has no event log. */
export function saga<State = Record<string, unknown>>(
  mq: Client,
  name: string,
  options: SagaOptions<State> = {},
): Saga<State> {
  return new QueueSaga<State>(mq, name, options);
}

class QueueSaga<State> implements Saga<State> {
  readonly name: string;
  readonly queue: Queue;
  readonly #mq: Client;
  readonly #options: SagaOptions<State>;
  readonly #store: SagaStore;
  readonly #contracts = new Map<string, MessageContract>();
  readonly #kinds = new Map<string, KindRules<State>>();
  readonly #timeouts = new Map<string, (context: SagaContext<State>) => unknown>();
  #compensated: ((context: SagaContext<State>) => unknown) | undefined;

  constructor(mq: Client, name: string, options: SagaOptions<State>) {
    this.name = name;
    this.#mq = mq;
    this.#options = options;
    this.#store = storeOf(mq, options.store);
    this.queue = mq.queue(options.queue ?? `${name}-saga`, options.queueOptions);
    if (options.topics !== undefined) requireCapability(mq.driver, 'fanout');
  }

  startedBy(kind: MessageKind, ...rest: StepParts<State>): this {
    const { by, handler } = stepOf(rest);
    this.#rulesOf(kind).start = { by, handler: handler! };
    return this;
  }

  on(kind: MessageKind, ...rest: StepParts<State>): this {
    this.#rulesOf(kind).on = stepOf(rest);
    return this;
  }

  onTimeout(name: string, handler: (context: SagaContext<State>) => unknown): this {
    requireCapability(this.#mq.driver, 'delay');
    this.#timeouts.set(name, handler);
    return this;
  }

  onCompensated(handler: (context: SagaContext<State>) => unknown): this {
    this.#compensated = handler;
    return this;
  }

  async send<K extends MessageKind>(
    kind: K,
    data: KindData<K>,
    options: { id?: string; key?: string; correlationId?: string } = {},
  ): Promise<Sent> {
    if (typeof kind === 'string') return this.queue.send(data, { ...options, type: kind });
    const contract = kind as MessageContract;
    const { body, contentType, headers } = await contract.encode(data);
    const plain = decodeData(body, contentType);
    const type = contract.name;
    return this.queue.send(plain, { ...options, type, ...(headers && { headers }) });
  }

  start(options: ConsumeOptions = {}): Consumer {
    const { initial = () => ({}) as State, remember = REMEMBER } = this.#options;
    const place = { mq: this.#mq, saga: this.name, queue: this.queue };
    const runner = new SagaRunner<State>(place, this.#store, {
      ...{ kinds: this.#kinds, timeouts: this.#timeouts, compensated: this.#compensated },
      ...{ initial, remember },
    });
    const consumer = this.queue.consume(async (message) => {
      const read = await this.#read(message);
      if (read !== undefined) await runner.handle(read);
    }, options);
    if (this.#options.topics === undefined) return consumer;
    const { clock, onError } = contextOf(this.#mq);
    const told = { clock, onError: options.onError ?? onError };
    return withSource(new BoundConsumer(consumer, () => this.#bind(), told), this.queue);
  }

  async get(
    id: string,
  ): Promise<{ readonly state: State; readonly status: SagaStatus } | undefined> {
    const found = await this.#store.load(this.name, id);
    if (found === undefined) return undefined;
    return { state: found.record.state as State, status: found.record.status };
  }

  /** The message as handlers see it; undefined: of a kind that this saga has nothing to do with. */
  async #read(message: Message): Promise<SagaMessage | undefined> {
    const type = message.type ?? '';
    if (type !== TIMEOUT_TYPE && !this.#kinds.has(type)) {
      if (this.#options.topics !== undefined) return undefined;
      await message.reject(`the saga "${this.name}" knows no message of type "${type}"`);
      return undefined;
    }
    const contract = this.#contracts.get(type);
    const data =
      contract === undefined || !(message instanceof ReceivedMessage)
        ? message.data
        : await contract.decode(message.wire);
    const { id, headers, key, correlationId, timestamp } = message;
    return { id, type, data, headers, key, correlationId, timestamp };
  }

  async #bind(): Promise<void> {
    for (const topic of this.#options.topics ?? []) {
      const place = typeof topic === 'string' ? this.#mq.topic(topic) : topic;
      await Promise.all([place.ready(), this.queue.ready()]);
      await this.#mq.driver.topics!.bindQueue!(place.name, this.queue.name);
    }
  }

  #rulesOf(kind: MessageKind): KindRules<State> {
    const name = kindName(kind);
    if (typeof kind !== 'string') this.#contracts.set(name, kind as MessageContract);
    const rules = this.#kinds.get(name) ?? {};
    this.#kinds.set(name, rules);
    return rules;
  }
}

/** `by` may be left out, and so may what it stands in. */
function stepOf<State>(rest: StepParts<State>): {
  by: BySaga<unknown>;
  handler: AnyHandler<State> | undefined;
} {
  const [options, handler] = typeof rest[0] === 'object' ? rest : [{}, rest[0]];
  const { by = usualBy } = options as ByOption;
  return { by, handler: handler as AnyHandler<State> | undefined };
}

function usualBy(message: SagaMessage): string | undefined {
  return message.correlationId ?? message.key;
}

function storeOf(mq: Client, store: SagaOptions<unknown>['store']): SagaStore {
  if (store === 'memory') return new MemorySagas();
  if (store === undefined) {
    const { eventLog } = mq.driver;
    if (eventLog === undefined) throw unsupported(mq.driver, 'event-log');
    return new LoggedSagas(eventLog, mq.clock);
  }
  if ('transaction' in store) return new SqlSagas(store, mq.clock);
  if (typeof store.load === 'function' && typeof store.save === 'function') return store;
  throw new PolymqError('invalid-argument', 'store: give a database, a SagaStore or "memory"');
}

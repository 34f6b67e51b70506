/**
 * An engine in this process for the unit tests of everything above the drivers. It keeps nothing and is not fast; its
 * time is a manual clock, and a test can let it fail: `failures`, `loseLeases`, `endQueue`.
 */
import { PolymqError } from '../../errors.ts';
import type { Delivery, OutgoingMessage, WireMessage } from '../../message/wire-message.ts';
import { CAPABILITIES, type Capabilities, type Capability } from '../capabilities.ts';
import type {
  DeliverySink,
  Driver,
  QueueDriver,
  QueueSpec,
  QueueStats,
  QueueSubscription,
  ReceiveRequest,
  SendOutcome,
} from '../driver.ts';
import { ManualClock } from './manual-clock.ts';
import { MemoryQueue } from './memory-queue.ts';
import { MemoryRequests } from './memory-requests.ts';
import { MemoryTopics } from './memory-topics.ts';

const LACKS: readonly Capability[] = ['event-log', 'transaction'];

/** What a test wants to fail: asked before each operation of that name, with the queue or topic. */
export type Failures = Partial<
  Record<'declare' | 'send' | 'ack' | 'move' | 'extend' | 'publish' | 'commit', Failure>
>;
type Failure = (name: string) => PolymqError | undefined;

export interface MemoryDriverOptions {
  readonly clock?: ManualClock;
  /** What it pretends not to be able to do. */
  readonly without?: readonly Capability[];
  readonly keyOrder?: 'engine' | 'client';
}

export class MemoryDriver implements Driver, QueueDriver {
  readonly engine = 'Memory';
  readonly system = 'memory';
  readonly capabilities: Capabilities;
  readonly clock: ManualClock;
  readonly queues: QueueDriver = this;
  readonly topics: MemoryTopics;
  readonly requests: MemoryRequests = new MemoryRequests();
  readonly keyOrder: 'engine' | 'client';
  readonly failures: Failures = {};
  /** What was called, as `declare orders`. */
  readonly calls: string[] = [];
  closed = false;
  readonly #queues = new Map<string, MemoryQueue>();

  constructor(options: MemoryDriverOptions = {}) {
    this.clock = options.clock ?? new ManualClock();
    this.keyOrder = options.keyOrder ?? 'engine';
    const without = new Set([...LACKS, ...(options.without ?? [])]);
    this.capabilities = Object.fromEntries(
      (Object.keys(CAPABILITIES) as Capability[]).map((capability) => [
        capability,
        without.has(capability) ? false : 'native',
      ]),
    ) as Capabilities;
    this.topics = new MemoryTopics(this.failures, (queue, message) => {
      this.#queues.get(queue)?.send(message);
    });
  }

  /** For looking inside. */
  queue(name: string): MemoryQueue {
    const queue = this.#queues.get(name);
    if (queue !== undefined) return queue;
    throw new PolymqError('not-found', `there is no queue "${name}"; declare it`);
  }

  /** All leases of the queue end, as when the connection breaks. */
  loseLeases(queue: string): void {
    this.queue(queue).loseLeases();
  }

  /** Somebody deletes the queue under its consumers. */
  endQueue(name: string): void {
    this.queue(name).end(new PolymqError('not-found', `queue "${name}" was deleted`));
    this.#queues.delete(name);
  }

  async declareQueue(spec: QueueSpec): Promise<void> {
    this.#call('declare', spec.name);
    const known = this.#queues.get(spec.name)?.spec;
    const own = this.keyOrder === 'client' ? { ...spec, fifo: false } : spec;
    if (known === undefined) {
      const bury = (message: OutgoingMessage): void => {
        this.#queues.get(spec.deadLetter ?? '')?.send(message);
      };
      this.#queues.set(spec.name, new MemoryQueue(own, this.clock, bury));
    } else if (known.fifo !== own.fifo || known.ttlMs !== own.ttlMs) {
      const text = `queue "${spec.name}" exists with other properties; ask for the same ones`;
      throw new PolymqError('declared-otherwise', text);
    }
  }

  async deleteQueue(name: string): Promise<void> {
    if (this.#queues.has(name)) this.endQueue(name);
  }

  async purgeQueue(name: string): Promise<number> {
    return this.queue(name).purge();
  }

  async queueStats(name: string): Promise<QueueStats> {
    return this.queue(name).stats();
  }

  async peek(name: string, max: number): Promise<readonly WireMessage[]> {
    const free = this.queue(name).entries.filter(({ lease }) => lease === undefined);
    return free.slice(0, max).map(({ message }) => message);
  }

  async send(
    name: string,
    messages: readonly OutgoingMessage[],
  ): Promise<readonly SendOutcome[] | undefined> {
    this.#call('send', name);
    const queue = this.queue(name);
    const outcomes = messages.map((message) => queue.send(message));
    return outcomes.some((each) => 'error' in each || each.duplicate) ? outcomes : undefined;
  }

  receive(name: string, request: ReceiveRequest): Promise<Delivery[]> {
    return this.queue(name).receive(request);
  }

  async subscribeQueue(
    name: string,
    options: { readonly prefetch: number; readonly leaseMs: number },
    sink: DeliverySink,
  ): Promise<QueueSubscription> {
    return this.queue(name).subscribe(options.prefetch, options.leaseMs, sink);
  }

  async ack(delivery: Delivery): Promise<void> {
    const queue = this.#queueOf(delivery);
    this.#call('ack', queue.spec.name);
    queue.ack(delivery);
  }

  async release(delivery: Delivery, delayMs: number, untouched = false): Promise<void> {
    this.#queueOf(delivery).release(delivery, delayMs, untouched);
  }

  async move(delivery: Delivery, to: string, message: OutgoingMessage): Promise<void> {
    this.#call('move', to);
    const target = this.queue(to);
    this.#queueOf(delivery).ack(delivery);
    const outcome = target.send(message);
    if ('error' in outcome) throw outcome.error;
  }

  async extend(delivery: Delivery, leaseMs: number): Promise<void> {
    const queue = this.#queueOf(delivery);
    this.#call('extend', queue.spec.name);
    queue.extend(delivery, leaseMs);
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  #call(operation: keyof Failures, name: string): void {
    this.calls.push(`${operation} ${name}`);
    const error = this.failures[operation]?.(name);
    if (error !== undefined) throw error;
  }

  #queueOf(delivery: Delivery): MemoryQueue {
    for (const queue of this.#queues.values()) {
      if (queue.entries.includes(delivery.handle as never)) return queue;
    }
    throw new PolymqError('lease-lost', `message ${delivery.id} is in no queue any more`);
  }
}

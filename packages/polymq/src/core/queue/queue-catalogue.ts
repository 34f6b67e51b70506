/**
 * All queues of this node, by namespace and name.
 *
 *   declare:  check ─ reserve ─ write to the meta log, if durable ─ show
 *   delete:   hide, cancel consumers ─ write to the meta log, if durable ─ remove messages, in slices
 *
 * A deleted queue is hidden before that is durable: whoever asked learns it afterwards, and a crash in between brings
 * the queue back. The meta log keeps the order, so its name can be declared again at once.
 *
 * Ids are never used again: rows of a queue that is gone may still be around. Those of durable queues are below
 * `TRANSIENT_ID_MIN`.
 */
import type { Environment } from '../../lib/environment/environment.ts';
import type { Logger } from '../../lib/logger.ts';
import { TimerWheel } from '../../lib/timer-wheel.ts';
import { BrokerError } from '../errors.ts';
import type { DeathReason } from '../message/history.ts';
import type { MessageDraft } from '../message/message-draft.ts';
import type { MetaWriter } from '../meta/meta-journal.ts';
import { CoreQueue } from './core-queue.ts';
import { DeadLetters } from './dead-letters.ts';
import type { ReadWishes } from './death.ts';
import { Discarder } from './discarder.ts';
import type { MessageStore, RestorableStore, RestoredMessage } from './message-store.ts';
import type { Queue } from './queue.ts';
import type { QueueContext } from './queue-context.ts';
import { QueueCounters, type QueueTotals } from './queue-counters.ts';
import type { DeclaredValues, QueueDefinition, QueueSettings } from './queue-definition.ts';
import { checkQueueName, type QueueLimits } from './queue-limits.ts';
import type { QueueCommand, QueueDeclaration, QueueTable } from './queue-table.ts';
import type { DeadLetterRouter, Queues } from './queues.ts';
import type { ReadyLevels } from './ready-levels.ts';
import { NO_ROW, type RowPage } from './rows.ts';
import { SparseColumn } from './store/sparse-column.ts';

const TRANSIENT_ID_MIN: number = 2 ** 31;
const ID_END: number = 2 ** 32;

export interface QueueCatalogueOptions {
  environment: Environment;
  store: MessageStore;
  table: QueueTable;
  writer: MetaWriter<QueueCommand>;
  limits: QueueLimits;
  logger: Logger;
}

export class QueueCatalogue implements Queues, QueueContext {
  readonly store: MessageStore;
  readonly clock: Environment['clock'];
  readonly timers: Environment['timers'];
  readonly logger: Logger;
  readonly counters: QueueCounters = new QueueCounters();
  readonly rowTimers: TimerWheel;
  readonly headTimers: TimerWheel;
  readonly unusedTimers: TimerWheel;
  readonly firstTaken: SparseColumn = new SparseColumn();
  readonly #options: QueueCatalogueOptions;
  readonly #deadLetters: DeadLetters;
  readonly #discarder: Discarder;
  readonly #namespaces = new Map<string, Map<string, CoreQueue>>();
  readonly #byId = new Map<number, CoreQueue>();
  /** Being declared: names, so that nobody else does it meanwhile. */
  readonly #reserved = new Map<string, Promise<void>>();
  readonly #listeners: ((queue: Queue) => void)[] = [];
  /** Deletions of durable queues that are not in the meta log yet, and messages being removed. */
  readonly #background = new Set<Promise<unknown>>();
  #nextId: number;
  #nextTransientId = TRANSIENT_ID_MIN;
  #version = 0;
  #waiting: CoreQueue[] = [];
  /** What `publish` hands to the store: one row. */
  readonly #row: number[] = [NO_ROW];
  #closed = false;

  constructor(options: QueueCatalogueOptions) {
    const { environment, store, table } = options;
    const { clock, timers } = environment;
    this.#options = options;
    this.store = store;
    this.clock = clock;
    this.timers = timers;
    this.logger = options.logger;
    this.#nextId = table.nextId;
    const ofQueues = (wake: (queue: CoreQueue) => void): TimerWheel =>
      new TimerWheel({ clock, timers, onDue: (key) => this.#wake(key, wake) });
    this.rowTimers = new TimerWheel({ clock, timers, onDue: (row) => this.#rowDue(row) });
    this.headTimers = ofQueues((queue) => queue.headDue());
    this.unusedTimers = ofQueues((queue) => queue.unusedDue());
    this.#discarder = new Discarder({
      rows: store.rows,
      timers,
      rowTimers: this.rowTimers,
      remove: (row) => this.#removeRow(row),
    });
    this.#deadLetters = new DeadLetters({
      store,
      clock,
      timers,
      logger: this.logger,
      counters: this.counters,
      queueOf: (row) => this.#queueOf(row),
      remove: (row) => this.#removeRow(row),
      publish: (draft, queues) => this.publish(draft, queues),
    });
    for (const declaration of table.declarations.values()) this.#add(declaration);
  }

  get version(): number {
    return this.#version;
  }

  get count(): number {
    return this.#byId.size;
  }

  get deadLetterRouter(): DeadLetterRouter | undefined {
    return this.#deadLetters.router;
  }

  set deadLetterRouter(router: DeadLetterRouter | undefined) {
    this.#deadLetters.router = router;
  }

  /** What protocols know of the messages they wrote. Set once by the composition root. */
  get readWishes(): ReadWishes | undefined {
    return this.#deadLetters.readWishes;
  }

  set readWishes(readWishes: ReadWishes | undefined) {
    this.#deadLetters.readWishes = readWishes;
  }

  /** What all queues hold together. Looks at each. */
  totals(): QueueTotals {
    const totals = { queues: 0, consumers: 0, ready: 0, leased: 0, delayed: 0, bytes: 0 };
    for (const queue of this.#byId.values()) {
      totals.queues += 1;
      totals.consumers += queue.consumerCount;
      totals.ready += queue.readyCount;
      totals.leased += queue.leasedCount;
      totals.delayed += queue.delayedCount;
      totals.bytes += queue.bytes;
    }
    return totals;
  }

  get(namespace: string, name: string): CoreQueue | undefined {
    return this.#namespaces.get(namespace)?.get(name);
  }

  isThere(namespace: string, name: string): boolean {
    return this.get(namespace, name) !== undefined;
  }

  /** The queue with that id, which rows name. */
  byId(id: number): CoreQueue | undefined {
    return this.#byId.get(id);
  }

  list(namespace?: string): CoreQueue[] {
    if (namespace === undefined) return [...this.#byId.values()];
    return [...(this.#namespaces.get(namespace)?.values() ?? [])];
  }

  async declare(namespace: string, name: string, definition: QueueDefinition): Promise<CoreQueue> {
    if (this.#closed) throw new BrokerError('stopping', 'the broker is shutting down');
    checkQueueName(name, this.#options.limits);
    const key = JSON.stringify([namespace, name]);
    await this.#reserved.get(key);
    const known = this.get(namespace, name);
    if (known !== undefined || this.#reserved.has(key)) {
      known?.touch();
      throw new BrokerError('queue-exists', `queue "${name}" exists already`);
    }
    const { queuesMax } = this.#options.limits;
    if (this.count + this.#reserved.size >= queuesMax) {
      throw new BrokerError('limit-reached', `this broker takes no more than ${queuesMax} queues`);
    }
    if (!definition.durable || definition.exclusive) {
      return this.#add({ id: this.#transientId(), namespace, name, definition });
    }
    const declaration = { id: this.#nextId++, namespace, name, definition };
    const written = this.#options.writer.propose({ type: 'declare', ...declaration });
    this.#reserved.set(
      key,
      written.catch(() => undefined),
    );
    try {
      await written;
    } finally {
      this.#reserved.delete(key);
    }
    return this.#add(declaration);
  }

  async alter(
    queue: Queue,
    { settings, declared }: { settings: QueueSettings; declared: DeclaredValues },
  ): Promise<void> {
    const known = this.#known(queue);
    checkAlteration(known.definition.settings, settings);
    if (known.durable) {
      const command = { type: 'alter', id: known.id, settings, declared } as const;
      await this.#inBackground(this.#options.writer.propose(command));
      this.#known(queue);
    }
    known.alter(settings, declared);
    this.#version += 1;
  }

  async delete(
    queue: Queue,
    { ifUnused = false, ifEmpty = false }: { ifUnused?: boolean; ifEmpty?: boolean } = {},
  ): Promise<number> {
    const { name } = queue;
    const known = this.#known(queue);
    if (ifUnused && known.consumerCount > 0) {
      throw new BrokerError('queue-in-use', `queue "${name}" has ${known.consumerCount} consumers`);
    }
    if (ifEmpty && known.readyCount > 0) {
      throw new BrokerError('queue-not-empty', `queue "${name}" has ${known.readyCount} messages`);
    }
    const count = known.readyCount;
    await this.#remove(known);
    return count;
  }

  onDeleted(listener: (queue: Queue) => void): void {
    this.#listeners.push(listener);
  }

  publish(draft: MessageDraft, queues: readonly Queue[]): number {
    const { length } = queues;
    if (length === 0) return 0;
    if (length > 1) return this.#publishToMany(draft, queues as readonly CoreQueue[]);
    const queue = queues[0] as CoreQueue;
    const timed = draft.ttlMs >= 0 || draft.dueMs > 0 || queue.timed;
    const nowMs = timed ? this.clock.nowMs() : 0;
    const row = queue.accept(draft, nowMs);
    if (row === NO_ROW) return 1;
    // Others may publish before this returns, but the store is done with the row when `put` returns.
    this.#row[0] = row;
    this.store.put(draft, this.#row, 1);
    queue.enqueue(row, draft.dueMs, nowMs);
    return 0;
  }

  #publishToMany(draft: MessageDraft, queues: readonly CoreQueue[]): number {
    const nowMs = this.clock.nowMs();
    const { dueMs } = draft;
    const rows: number[] = [];
    const takers: CoreQueue[] = [];
    for (const queue of queues) {
      const row = queue.accept(draft, nowMs);
      if (row === NO_ROW) continue;
      rows.push(row);
      takers.push(queue);
    }
    if (rows.length > 0) this.store.put(draft, rows, rows.length);
    for (let index = 0; index < rows.length; index++) {
      takers[index]!.enqueue(rows[index]!, dueMs, nowMs);
    }
    return queues.length - rows.length;
  }

  later(queue: CoreQueue): void {
    this.#waiting.push(queue);
    if (this.#waiting.length > 1) return;
    this.timers.immediate(() => {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const each of waiting) each.proceed();
    });
  }

  deadLetter(row: number, reason: DeathReason): void {
    this.#deadLetters.add(row, reason);
  }

  deadLetterRefused(queue: CoreQueue, draft: MessageDraft): void {
    this.#deadLetters.addRefused(queue, draft);
  }

  discard(rows: ReadyLevels): Promise<void> {
    return this.#inBackground(this.#discarder.discard(rows));
  }

  forEachRow(
    queue: CoreQueue,
    visit: (row: number, page: RowPage, index: number) => void,
  ): Promise<void> {
    return this.#inBackground(this.#discarder.forEachRow(queue.id, visit));
  }

  deleteUnused(queue: CoreQueue): void {
    this.#remove(queue).catch((error: unknown) => {
      this.logger.error({ queue: queue.name, error }, 'an unused queue could not be deleted');
    });
  }

  /** Takes in the messages of before the restart, queue by queue, and hands on those of `others`. */
  restoreFrom(
    store: RestorableStore,
    others?: ReadonlyMap<number, (message: RestoredMessage) => void>,
  ): void {
    const nowMs = this.clock.nowMs();
    const { rows } = store;
    let queue: CoreQueue | undefined;
    store.restore((message) => {
      const { row } = message;
      const id = rows.page(row).queue[rows.index(row)]!;
      if (queue?.id !== id) queue = this.#byId.get(id);
      if (queue !== undefined) queue.restore(message, nowMs);
      else {
        const restore = others?.get(id);
        if (restore === undefined) this.#removeRow(row);
        else restore(message);
      }
    });
    for (const each of this.#byId.values()) each.restored();
  }

  /** All is in place, also who routes dead letters: what has expired or is too much goes now. */
  restored(): void {
    this.#deadLetters.start();
    for (const queue of this.#byId.values()) queue.proceed();
  }

  /** Refuses further declarations, and waits for what is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    this.rowTimers.stop();
    this.headTimers.stop();
    this.unusedTimers.stop();
    while (this.#background.size > 0) await Promise.allSettled([...this.#background]);
  }

  /** The queue, if it is not deleted. */
  #known({ namespace, name, id }: Queue): CoreQueue {
    const known = this.get(namespace, name);
    if (known?.id === id) return known;
    throw new BrokerError('unknown-queue', `there is no queue "${name}"`);
  }

  #add({ id, namespace, name, definition }: QueueDeclaration): CoreQueue {
    const queue = new CoreQueue(this, { id, namespace, name }, definition);
    let names = this.#namespaces.get(namespace);
    if (names === undefined) {
      names = new Map();
      this.#namespaces.set(namespace, names);
    }
    names.set(name, queue);
    this.#byId.set(id, queue);
    this.#version += 1;
    return queue;
  }

  /** Hidden when this returns; durable when the promise resolves. */
  async #remove(queue: CoreQueue): Promise<void> {
    if (queue.deleted) return;
    const names = this.#namespaces.get(queue.namespace)!;
    names.delete(queue.name);
    if (names.size === 0) this.#namespaces.delete(queue.namespace);
    this.#byId.delete(queue.id);
    this.#version += 1;
    const restCount = queue.delayedCount + queue.leasedCount;
    const ready = queue.markDeleted();
    for (const listener of this.#listeners) listener(queue);
    void this.discard(ready);
    if (restCount > 0) void this.#inBackground(this.#discarder.discardRest(queue.id));
    if (!queue.durable) return;
    await this.#inBackground(this.#options.writer.propose({ type: 'delete', id: queue.id }));
  }

  #inBackground<T>(task: Promise<T>): Promise<T> {
    const tracked: Promise<unknown> = task
      .catch(() => undefined)
      .then(() => this.#background.delete(tracked));
    this.#background.add(tracked);
    return task;
  }

  #transientId(): number {
    // After two billion of them they start anew, so one might still be in use.
    while (this.#byId.has(this.#nextTransientId)) this.#advanceTransientId();
    const id = this.#nextTransientId;
    this.#advanceTransientId();
    return id;
  }

  #advanceTransientId(): void {
    this.#nextTransientId += 1;
    if (this.#nextTransientId === ID_END) this.#nextTransientId = TRANSIENT_ID_MIN;
  }

  #queueOf(row: number): CoreQueue | undefined {
    const { rows } = this.store;
    return this.#byId.get(rows.page(row).queue[rows.index(row)]!);
  }

  #wake(key: number, wake: (queue: CoreQueue) => void): void {
    const queue = this.#byId.get(key >>> 0);
    if (queue !== undefined) wake(queue);
  }

  #rowDue(row: number): void {
    const queue = this.#queueOf(row);
    if (queue !== undefined) {
      queue.rowDue(row);
      return;
    }
    // The lease of a message whose queue is deleted.
    this.#removeRow(row);
  }

  #removeRow(row: number): void {
    this.store.remove(row);
    if (this.firstTaken.count > 0) this.firstTaken.set(row, 0);
    this.store.rows.free(row);
  }
}

function checkAlteration(before: QueueSettings, after: QueueSettings): void {
  const same =
    (before.groups ?? false) === (after.groups ?? false) &&
    (before.priorityMax ?? 0) === (after.priorityMax ?? 0) &&
    (before.singleActiveConsumer ?? false) === (after.singleActiveConsumer ?? false);
  if (same) return;
  throw new BrokerError(
    'invalid-config',
    'groups, priorities and the single active consumer of a queue cannot change; declare another queue',
  );
}

/**
 * Leases of every kind, discarding, purging and restarts in a queue of every kind, over the real store: the queue does what a
 * naive list of messages would do. (`queue-model.test.ts` does the same for priorities, expiry and limits.)
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CoreQueue } from './core-queue.ts';
import type { QueueSettings } from './queue-definition.ts';
import { bodies, message, TestConsumer } from './testing/kit.ts';
import { RestartKit } from './testing/restart-kit.ts';

interface ModelMessage {
  body: string;
  seq: number;
  group: string | undefined;
  persistent: boolean;
  state: 'ready' | 'leased' | 'delayed';
  /** Of a lease or a delay. */
  untilMs: number;
  counted: boolean;
  /** Delayed, and its group waits for it. */
  blocks: boolean;
  attempts: number;
  /** When its timer was set, among others. */
  timerOrder: number;
}

/** How long ago a fair group was served. */
interface Turn {
  seq: number;
  tick: number;
  waits: boolean;
}

class Model {
  readonly settings: QueueSettings;
  messages: ModelMessage[] = [];
  nextSeq = 0;
  #timerOrder = 0;
  #tick = 0;
  /** Of groups that lock: those whose next message stands in the line already. */
  readonly #listed = new Map<string, ModelMessage>();
  readonly #turns = new Map<string, Turn>();

  constructor(settings: QueueSettings) {
    this.settings = settings;
  }

  of(state: ModelMessage['state']): ModelMessage[] {
    return this.messages.filter((each) => each.state === state).sort((a, b) => a.seq - b.seq);
  }

  nextTimer(): number {
    this.#timerOrder += 1;
    return this.#timerOrder;
  }

  /** The next message; those that were handed out too often are gone then. */
  next(): ModelMessage | undefined {
    for (;;) {
      this.settle();
      const found = this.#line()[0];
      if (found === undefined || !this.#isWornOut(found)) return found;
      this.remove(found);
    }
  }

  /** The next one of the group of a leased one. */
  nextOfGroup(group: string | undefined): ModelMessage | undefined {
    if (this.settings.groups !== true || group === undefined) return undefined;
    for (;;) {
      const found = this.of('ready').find((each) => each.group === group);
      if (found === undefined || !this.#isWornOut(found)) return found;
      this.remove(found);
    }
  }

  remove(message: ModelMessage): void {
    this.messages = this.messages.filter((each) => each !== message);
    const { group } = message;
    if (group === undefined) return;
    if (this.#listed.get(group) === message) this.#listed.delete(group);
    if (!this.messages.some((each) => each.group === group)) this.#turns.delete(group);
  }

  lease(message: ModelMessage, leaseMs: number, counted: boolean, nowMs: number): void {
    message.state = 'leased';
    message.untilMs = leaseMs === 0 ? Number.POSITIVE_INFINITY : nowMs + leaseMs;
    message.counted = counted;
    if (counted) message.attempts += 1;
    message.timerOrder = this.nextTimer();
    if (message.group === undefined) return;
    this.#listed.delete(message.group);
    const turn = this.#turns.get(message.group);
    if (turn !== undefined) {
      turn.seq = this.nextSeq;
      turn.tick = ++this.#tick;
    }
  }

  giveBack(message: ModelMessage, delayMs: number, untouched: boolean, nowMs: number): void {
    if (untouched && message.counted) message.attempts -= 1;
    if (!untouched && !message.counted) message.attempts += 1;
    message.counted = false;
    message.state = delayMs > 0 ? 'delayed' : 'ready';
    message.untilMs = nowMs + delayMs;
    message.blocks = delayMs > 0;
    message.timerOrder = this.nextTimer();
  }

  show(message: ModelMessage): void {
    message.state = 'ready';
    message.blocks = false;
  }

  restart(nowMs: number): void {
    this.messages = this.messages.filter(({ persistent }) => persistent);
    this.messages.sort((a, b) => a.seq - b.seq);
    this.nextSeq = (this.messages.at(-1)?.seq ?? -1) + 1;
    this.#listed.clear();
    this.#turns.clear();
    for (const each of this.messages) {
      const lasts = each.counted && Number.isFinite(each.untilMs) && each.untilMs > nowMs;
      if (each.state === 'leased' && !lasts) each.state = 'ready';
      if (each.state !== 'leased') each.counted = false;
      each.blocks = each.state === 'delayed' && each.attempts > 0;
      each.timerOrder = this.nextTimer();
    }
  }

  /** Groups whose turn it can be are known from now on. */
  settle(): void {
    if (this.settings.groups === true) this.#list();
    else if (this.settings.groups === 'fair') this.#queueTurns();
  }

  #isWornOut(message: ModelMessage): boolean {
    return message.attempts >= (this.settings.receiveMax ?? Number.POSITIVE_INFINITY);
  }

  #line(): ModelMessage[] {
    const ready = this.of('ready');
    const { groups } = this.settings;
    if (groups === true) {
      return ready
        .filter(({ group }) => group === undefined || this.#listed.has(group))
        .filter((each) => each.group === undefined || this.#listed.get(each.group) === each);
    }
    if (groups !== 'fair') return ready;
    const heads = ready.filter(
      (each, at) =>
        each.group === undefined || ready.findIndex((one) => one.group === each.group) === at,
    );
    return heads.sort((a, b) => compare(this.#keyOf(a), this.#keyOf(b)));
  }

  /** Fewest in flight, then the longest ago. */
  #keyOf({ group, seq }: ModelMessage): number[] {
    if (group === undefined) return [0, seq, Number.POSITIVE_INFINITY];
    const turn = this.#turns.get(group)!;
    const leased = this.of('leased').filter((each) => each.group === group).length;
    return [leased, turn.seq, turn.tick];
  }

  #list(): void {
    for (const group of new Set(this.messages.map((each) => each.group))) {
      if (group === undefined || this.#listed.has(group)) continue;
      const members = this.messages.filter((each) => each.group === group);
      if (members.some((each) => each.state === 'leased' || each.blocks)) continue;
      const first = this.of('ready').find((each) => each.group === group);
      if (first !== undefined) this.#listed.set(group, first);
    }
  }

  #queueTurns(): void {
    for (const group of new Set(this.messages.map((each) => each.group))) {
      if (group === undefined) continue;
      const turn = this.#turns.get(group) ?? { seq: 0, tick: 0, waits: false };
      this.#turns.set(group, turn);
      const first = this.of('ready').find((each) => each.group === group);
      if (first !== undefined && !turn.waits) turn.seq = Math.max(turn.seq, first.seq);
      turn.waits = first !== undefined;
    }
  }
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at < 0 ? 0 : a[at]! - b[at]!;
}

const settingsOf: fc.Arbitrary<QueueSettings> = fc
  .tuple(fc.constantFrom(undefined, true, 'fair' as const), fc.constantFrom(undefined, 1, 3))
  .map(([groups, receiveMax]) => ({
    ...(groups !== undefined && { groups }),
    ...(receiveMax !== undefined && { receiveMax }),
  }));

const leaseMs = fc.constantFrom(0, 40, 40, 120);
const steps = {
  publish: fc.record({
    group: fc.constantFrom(undefined, 'a', 'a', 'a', 'b', 'c'),
    delayMs: fc.constantFrom(0, 0, 0, 50),
    persistent: fc.constantFrom(true, true, true, false),
  }),
  take: fc.record({ leaseMs, counted: fc.boolean() }),
  takeNext: fc.record({ which: fc.nat(9), leaseMs, counted: fc.boolean() }),
  consume: fc.record({ credit: fc.nat(3), leaseMs, counted: fc.boolean() }),
  ack: fc.record({ which: fc.nat(9) }),
  requeue: fc.record({ which: fc.nat(9), delayMs: fc.constantFrom(0, 0, 60) }),
  untouched: fc.record({ which: fc.nat(9) }),
  extend: fc.record({ which: fc.nat(9), ms: fc.constantFrom(0, 30, 200) }),
  discard: fc.record({ which: fc.nat(9) }),
  purge: fc.record({ all: fc.boolean() }),
  advance: fc.record({ ms: fc.constantFrom(1, 20, 45, 150) }),
  restart: fc.record({ crash: fc.boolean() }),
};
const WEIGHTS: Record<keyof typeof steps, number> = {
  ...{ publish: 8, take: 6, takeNext: 2, consume: 2, ack: 3, requeue: 2, untouched: 1, extend: 2 },
  ...{ discard: 4, purge: 1, advance: 3, restart: 1 },
};
type Values<K extends keyof typeof steps> =
  (typeof steps)[K] extends fc.Arbitrary<infer T> ? T : never;
type Step = { [K in keyof typeof steps]: { kind: K; values: Values<K> } }[keyof typeof steps];

const step = fc.oneof(
  ...(Object.keys(steps) as (keyof typeof steps)[]).map((kind) => ({
    weight: WEIGHTS[kind],
    arbitrary: (steps[kind] as fc.Arbitrary<unknown>).map((values) => ({ kind, values }) as Step),
  })),
);

class Run {
  readonly #broker: RestartKit;
  readonly #model: Model;
  /** Messages that were handed out once. */
  #rows = new Map<ModelMessage, number>();
  /** Rows whose message was purged, but whose holder will answer. */
  #orphans: number[] = [];
  #bodies = 0;

  constructor(broker: RestartKit, model: Model) {
    this.#broker = broker;
    this.#model = model;
  }

  get #queue(): CoreQueue {
    return this.#broker.get('q');
  }

  get #nowMs(): number {
    return this.#broker.clock.nowMs();
  }

  async do({ kind, values }: Step): Promise<void> {
    switch (kind) {
      case 'publish':
        this.#publish(values);
        break;
      case 'take':
        await this.#take(values);
        break;
      case 'takeNext':
        this.#takeNext(values);
        break;
      case 'consume':
        this.#consume(values);
        break;
      case 'discard':
        this.#discard(values.which);
        break;
      case 'purge':
        await this.#purge(values.all);
        break;
      case 'advance':
        for (let ms = 0; ms < values.ms; ms++) this.#tick();
        break;
      case 'restart':
        await this.#restart(values.crash);
        break;
      default:
        this.#answer({ kind, values } as Step);
    }
    this.#model.settle();
    await this.#compare();
  }

  /** Everything is taken and acknowledged: nothing is left of it. */
  async finish(): Promise<void> {
    for (const row of this.#orphans.splice(0)) this.#queue.ack(row);
    for (const each of this.#model.of('leased')) this.#queue.ack(this.#rows.get(each)!);
    await this.#queue.purge({ all: true });
    await this.#queue.take();
    expect([this.#queue.bytes, this.#queue.groupCount]).toEqual([0, 0]);
    expect(this.#broker.store.rows.count).toBe(0);
    expect(this.#broker.queues.rowTimers.count).toBe(0);
    expect(this.#broker.queues.firstTaken.count).toBe(0);
  }

  #publish({ group, delayMs, persistent }: Values<'publish'>): void {
    const dueMs = delayMs === 0 ? 0 : this.#nowMs + delayMs;
    const body = `m${this.#bodies++}`;
    const options = { dueMs, persistent, ...(group !== undefined && { groupId: group }) };
    this.#broker.queues.publish(message(body, options), [this.#queue]);
    this.#model.messages.push({
      ...{ body, persistent, seq: this.#model.nextSeq++, untilMs: dueMs, blocks: false },
      group: this.#model.settings.groups === undefined ? undefined : group,
      state: delayMs > 0 ? 'delayed' : 'ready',
      ...{ counted: false, attempts: 0, timerOrder: this.#model.nextTimer() },
    });
  }

  async #take(how: Values<'take'>): Promise<void> {
    const row = await this.#queue.take(how.leaseMs, how.counted);
    this.#expectTaken(row, this.#model.next(), how);
  }

  #takeNext({ which, ...how }: Values<'takeNext'>): void {
    const held = this.#pick(which, 'leased');
    if (held === undefined) return;
    const row = this.#queue.takeNextOfGroup(this.#rows.get(held)!, how.leaseMs, how.counted);
    this.#expectTaken(row, this.#model.nextOfGroup(held.group), how);
  }

  #expectTaken(
    row: number | undefined,
    expected: ModelMessage | undefined,
    how: { leaseMs: number; counted: boolean },
  ): void {
    const { store } = this.#broker;
    const body = row !== undefined && store.locate(row) ? store.view.body.toString() : undefined;
    expect(body).toBe(expected?.body);
    if (row === undefined || expected === undefined) return;
    this.#model.lease(expected, how.leaseMs, how.counted, this.#nowMs);
    this.#rows.set(expected, row);
    expect(this.#queue.attempts(row)).toBe(expected.attempts);
  }

  #consume({ credit, ...how }: Values<'consume'>): void {
    const consumer = Object.assign(new TestConsumer(credit), how);
    this.#queue.addConsumer(consumer);
    this.#queue.removeConsumer(consumer);
    for (const { row } of consumer.deliveries) this.#expectTaken(row, this.#model.next(), how);
    // Whoever is ready and gets nothing has had those buried that were handed out too often.
    if (consumer.credit > 0) expect(this.#model.next()).toBeUndefined();
  }

  #discard(which: number): void {
    const found = [...this.#rows.keys()].at(which % Math.max(this.#rows.size, 1));
    if (found === undefined) return;
    const row = this.#rows.get(found)!;
    const isHere = this.#model.messages.includes(found) && found.state !== 'leased';
    expect(this.#queue.discard(row, found.seq)).toBe(isHere);
    if (isHere) this.#forget(found);
  }

  async #purge(all: boolean): Promise<void> {
    const model = this.#model;
    const purged = all ? model.messages : model.of('ready');
    expect(await this.#queue.purge({ all })).toBe(purged.length);
    for (const each of purged) {
      const answers = each.state === 'leased' && !each.counted && !Number.isFinite(each.untilMs);
      if (answers) this.#orphans.push(this.#rows.get(each)!);
      if (this.#rows.has(each)) {
        expect(this.#queue.holds(this.#rows.get(each)!, each.seq)).toBe(false);
      }
      this.#forget(each);
    }
  }

  #answer({ kind, values }: Step): void {
    const { which } = values as { which: number };
    const orphan = kind === 'extend' ? undefined : this.#orphans.pop();
    const held = this.#pick(which, 'leased');
    const queue = this.#queue;
    if (orphan !== undefined) queue[kind === 'ack' ? 'ack' : 'requeue'](orphan);
    if (held === undefined) return;
    const row = this.#rows.get(held)!;
    expect(queue.holds(row, held.seq)).toBe(true);
    if (kind === 'ack') {
      queue.ack(row);
      this.#forget(held);
    } else if (kind === 'requeue') {
      queue.requeue(row, { delayMs: values.delayMs });
      this.#model.giveBack(held, values.delayMs, false, this.#nowMs);
    } else if (kind === 'untouched') {
      queue.requeue(row, { untouched: true });
      this.#model.giveBack(held, 0, true, this.#nowMs);
    } else if (kind === 'extend') {
      queue.extend(row, values.ms);
      if (values.ms === 0) this.#model.giveBack(held, 0, false, this.#nowMs);
      else {
        held.untilMs = this.#nowMs + values.ms;
        held.timerOrder = this.#model.nextTimer();
      }
    }
  }

  async #restart(crash: boolean): Promise<void> {
    const { store } = this.#broker;
    await store.whenCommitted(store.position);
    if (crash) await this.#broker.crash();
    else await this.#broker.restart();
    const leased = this.#model.of('leased').filter(({ counted }) => counted);
    this.#model.restart(this.#nowMs);
    this.#rows = new Map();
    this.#orphans = [];
    for (const each of this.#model.messages) {
      const row = this.#queue.restoredLease(each.seq);
      if (leased.includes(each)) expect(row).toBeDefined();
      if (row !== undefined) this.#rows.set(each, row);
    }
  }

  /** A millisecond passes. */
  #tick(): void {
    this.#broker.clock.advance(1);
    const nowMs = this.#nowMs;
    const timed = this.#model.messages.slice().sort((a, b) => a.timerOrder - b.timerOrder);
    for (const each of timed) {
      if (each.state === 'ready' || each.untilMs > nowMs) continue;
      if (each.state === 'leased') this.#model.giveBack(each, 0, false, nowMs);
      else this.#model.show(each);
      this.#model.settle();
    }
  }

  #forget(message: ModelMessage): void {
    this.#model.remove(message);
  }

  #pick(which: number, state: ModelMessage['state']): ModelMessage | undefined {
    const found = this.#model.of(state);
    return found.at(which % Math.max(found.length, 1));
  }

  async #compare(): Promise<void> {
    const queue = this.#queue;
    const model = this.#model;
    const groups = new Set(model.messages.map(({ group }) => group).filter(Boolean));
    expect({
      ready: await bodies(queue),
      counts: [queue.readyCount, queue.leasedCount, queue.delayedCount, queue.groupCount],
    }).toEqual({
      ready: model.of('ready').map(({ body }) => body),
      counts: [
        ...(['ready', 'leased', 'delayed'] as const).map((state) => model.of(state).length),
        groups.size,
      ],
    });
  }
}

describe('leases of a queue and a naive model of them', () => {
  it('agree whatever happens, also over restarts', async () => {
    await fc.assert(
      fc.asyncProperty(settingsOf, fc.array(step, { maxLength: 50 }), async (settings, actions) => {
        const broker = new RestartKit();
        await broker.start();
        await broker.declare('q', settings);
        const run = new Run(broker, new Model(settings));
        for (const action of actions) await run.do(action);
        await run.finish();
        await broker.stop();
      }),
      { numRuns: 300 },
    );
  });
});

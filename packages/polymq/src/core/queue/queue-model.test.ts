/**
 * Whatever happens to a queue, it does what a naive list would do: every message is looked at every time, none is
 * forgotten, none comes twice, and always the right one is next.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CoreQueue } from './core-queue.ts';
import type { QueueSettings } from './queue-definition.ts';
import { bodies, type Kit, kit, message, TestConsumer } from './testing/kit.ts';

interface ModelMessage {
  body: string;
  seq: number;
  priority: number;
  /** Infinite: never. */
  expiresMs: number;
  group: string | undefined;
  state: 'ready' | 'leased' | 'delayed';
  /** Of a lease or a delay. */
  untilMs: number;
  /** Delayed, and its group waits for it. */
  blocks: boolean;
  attempts: number;
  /** When its timer was set, among others. */
  timerOrder: number;
}

/** A queue as simple as can be. It expires only what is at the head of its priority. */
class Model {
  readonly settings: QueueSettings;
  messages: ModelMessage[] = [];
  seq = 0;
  #timerOrder = 0;
  /** Groups whose next message stands in the line already, with it. */
  readonly queued = new Map<string, ModelMessage>();

  constructor(settings: QueueSettings) {
    this.settings = settings;
  }

  line(): ModelMessage[] {
    this.#queueGroups();
    return this.messages
      .filter((each) => each.state === 'ready')
      .filter((each) => each.group === undefined || this.queued.get(each.group) === each)
      .sort((a, b) => b.priority - a.priority || a.seq - b.seq);
  }

  count(state: ModelMessage['state']): number {
    return this.messages.filter((each) => each.state === state).length;
  }

  nextTimer(): number {
    this.#timerOrder += 1;
    return this.#timerOrder;
  }

  remove(message: ModelMessage): void {
    this.messages = this.messages.filter((each) => each !== message);
    if (message.group !== undefined && this.queued.get(message.group) === message) {
      this.queued.delete(message.group);
    }
  }

  lease(message: ModelMessage, untilMs: number): void {
    message.state = 'leased';
    message.untilMs = untilMs;
    message.timerOrder = this.nextTimer();
    if (message.group !== undefined) this.queued.delete(message.group);
  }

  giveBack(message: ModelMessage, delayMs: number, nowMs: number): void {
    message.attempts += 1;
    if (message.attempts > (this.settings.deliveryLimit ?? Number.POSITIVE_INFINITY)) {
      this.remove(message);
      return;
    }
    message.state = delayMs > 0 ? 'delayed' : 'ready';
    message.untilMs = nowMs + delayMs;
    message.blocks = delayMs > 0;
    message.timerOrder = this.nextTimer();
  }

  /** Expiry and limits, until nothing changes. */
  settle(nowMs: number): void {
    for (;;) {
      const line = this.line();
      const over = this.count('ready') > (this.settings.lengthMax ?? Number.POSITIVE_INFINITY);
      if (over && line.length > 0) {
        this.remove(line[0]!);
        continue;
      }
      const heads = line.filter((each, at) => line[at - 1]?.priority !== each.priority);
      const expired = heads.find((each) => each.expiresMs <= nowMs);
      if (expired === undefined) return;
      this.remove(expired);
    }
  }

  /** The first message of each group that nobody waits for stands in line from now on, even before an older one. */
  #queueGroups(): void {
    if (this.settings.groups !== true) return;
    for (const group of new Set(this.messages.map((each) => each.group))) {
      if (group === undefined || this.queued.has(group)) continue;
      const members = this.messages.filter((each) => each.group === group);
      if (members.some((each) => each.state === 'leased' || each.blocks)) continue;
      const first = members
        .filter(({ state }) => state === 'ready')
        .sort((a, b) => a.seq - b.seq)[0];
      if (first !== undefined) this.queued.set(group, first);
    }
  }
}

const settingsOf: fc.Arbitrary<QueueSettings> = fc
  .record({
    priorityMax: fc.option(fc.constantFrom(1, 3), { nil: undefined }),
    messageTtlMs: fc.option(fc.constantFrom(0, 50, 300), { nil: undefined }),
    lengthMax: fc.option(fc.constantFrom(1, 3, 8), { nil: undefined }),
    deliveryLimit: fc.option(fc.constantFrom(0, 2), { nil: undefined }),
    groups: fc.boolean(),
  })
  .map((settings) => {
    const entries = Object.entries(settings).filter(([, value]) => value !== undefined);
    return Object.fromEntries(entries) as QueueSettings;
  });

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('publish' as const),
      priority: fc.nat(4),
      ttlMs: fc.constantFrom(-1, -1, -1, 0, 20, 100),
      delayMs: fc.constantFrom(0, 0, 0, 0, 30, 200),
      group: fc.constantFrom(undefined, 'a', 'b'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('take' as const),
      leaseMs: fc.constantFrom(0, 0, 40),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('ack' as const), which: fc.nat(9) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('requeue' as const),
      which: fc.nat(9),
      delayMs: fc.constantFrom(0, 0, 60),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('requeueAll' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reject' as const), which: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('purge' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('consume' as const), credit: fc.nat(4) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('advance' as const),
      ms: fc.constantFrom(1, 10, 45, 250),
    }),
  },
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class Run {
  readonly #kit: Kit;
  readonly #queue: CoreQueue;
  readonly #model: Model;
  readonly #rows = new Map<ModelMessage, number>();
  #bodies = 0;

  constructor(made: Kit, queue: CoreQueue, model: Model) {
    this.#kit = made;
    this.#queue = queue;
    this.#model = model;
  }

  get #nowMs(): number {
    return this.#kit.clock.nowMs();
  }

  async do(action: Step): Promise<void> {
    switch (action.kind) {
      case 'publish':
        this.#publish(action);
        break;
      case 'take':
        this.#take(action.leaseMs);
        // What comes to the head by taking expires a millisecond later, or now.
        this.#queue.proceed();
        break;
      case 'consume':
        this.#consume(action.credit);
        break;
      case 'requeueAll': {
        const rows = [...this.#rows.values()];
        for (const each of this.#rows.keys()) this.#model.giveBack(each, 0, this.#nowMs);
        this.#rows.clear();
        this.#queue.requeueAll(rows);
        break;
      }
      case 'purge':
        expect(await this.#queue.purge()).toBe(this.#model.count('ready'));
        for (const each of this.#model.messages.filter(({ state }) => state === 'ready')) {
          this.#model.remove(each);
        }
        break;
      case 'advance':
        for (let ms = 0; ms < action.ms; ms++) this.#tick();
        break;
      default:
        this.#answer(action);
    }
    this.#model.settle(this.#nowMs);
    await this.#compare();
  }

  #publish(wants: Extract<Step, { kind: 'publish' }>): void {
    const model = this.#model;
    const nowMs = this.#nowMs;
    const dueMs = wants.delayMs === 0 ? 0 : nowMs + wants.delayMs;
    const body = `m${this.#bodies++}`;
    const { priority, ttlMs } = wants;
    const groupId = wants.group;
    this.#kit.queues.publish(
      message(body, { priority, ttlMs, dueMs, ...(groupId === undefined ? {} : { groupId }) }),
      [this.#queue],
    );
    const ttls = [ttlMs, model.settings.messageTtlMs ?? -1].filter((each) => each >= 0);
    model.messages.push({
      body,
      seq: model.seq++,
      priority: Math.min(priority, model.settings.priorityMax ?? 0),
      expiresMs: nowMs + Math.min(...ttls),
      group: model.settings.groups ? groupId : undefined,
      state: dueMs > nowMs ? 'delayed' : 'ready',
      untilMs: dueMs,
      blocks: false,
      attempts: 0,
      timerOrder: model.nextTimer(),
    });
  }

  #take(leaseMs: number): void {
    const row = this.#queue.take(leaseMs) as number | undefined;
    const expected = this.#model.line()[0];
    expect(row === undefined).toBe(expected === undefined);
    if (row === undefined || expected === undefined) return;
    expect(this.#kit.store.view.body.toString()).toBe(expected.body);
    this.#model.lease(expected, leaseMs === 0 ? Number.POSITIVE_INFINITY : this.#nowMs + leaseMs);
    this.#rows.set(expected, row);
  }

  #consume(credit: number): void {
    const consumer = new TestConsumer(credit);
    this.#queue.addConsumer(consumer);
    this.#queue.removeConsumer(consumer);
    for (const { body, row, redelivered } of consumer.deliveries) {
      const expected = this.#model.line()[0]!;
      expect({ body, redelivered }).toEqual({
        body: expected.body,
        redelivered: expected.attempts > 0,
      });
      this.#model.lease(expected, Number.POSITIVE_INFINITY);
      this.#rows.set(expected, row);
      this.#model.settle(this.#nowMs);
    }
  }

  #answer(action: Extract<Step, { which: number }>): void {
    const held = [...this.#rows].at(action.which % Math.max(this.#rows.size, 1));
    if (held === undefined) return;
    const [each, row] = held;
    this.#rows.delete(each);
    if (action.kind === 'ack') this.#queue.ack(row);
    else if (action.kind === 'reject') this.#queue.reject(row);
    else this.#queue.requeue(row, { delayMs: action.delayMs });
    if (action.kind === 'requeue') this.#model.giveBack(each, action.delayMs, this.#nowMs);
    else this.#model.remove(each);
  }

  /** A millisecond passes. */
  #tick(): void {
    this.#kit.clock.advance(1);
    const nowMs = this.#nowMs;
    const timed = this.#model.messages.slice().sort((a, b) => a.timerOrder - b.timerOrder);
    for (const each of timed) {
      if (each.state === 'ready' || each.untilMs > nowMs) continue;
      if (each.state === 'leased') {
        this.#rows.delete(each);
        this.#model.giveBack(each, 0, nowMs);
      } else {
        each.state = 'ready';
        each.blocks = false;
      }
      this.#model.settle(nowMs);
    }
    this.#model.settle(nowMs);
  }

  async #compare(): Promise<void> {
    const { store } = this.#kit;
    const queue = this.#queue;
    const model = this.#model;
    expect({
      ready: queue.readyCount,
      leased: queue.leasedCount,
      delayed: queue.delayedCount,
      stored: store.count,
      rows: store.rows.count,
    }).toEqual({
      ready: model.count('ready'),
      leased: model.count('leased'),
      delayed: model.count('delayed'),
      stored: model.messages.length,
      rows: model.messages.length,
    });
    if (model.settings.groups === true) return;
    expect(await bodies(queue)).toEqual(model.line().map(({ body }) => body));
  }
}

describe('a queue and a naive model of it', () => {
  it('agree whatever happens', async () => {
    await fc.assert(
      fc.asyncProperty(settingsOf, fc.array(step, { maxLength: 40 }), async (settings, steps) => {
        const made = kit();
        const queue = await made.queue(settings);
        const run = new Run(made, queue, new Model(settings));
        for (const action of steps) await run.do(action);
      }),
      { numRuns: 300 },
    );
  });
});

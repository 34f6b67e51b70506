import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../lib/environment/simulated/simulated-clock.ts';
import { batchBytes } from '../../log/batch.ts';
import type { LogEngine } from '../../log/log.ts';
import { DedupWindow } from './dedup-window.ts';
import { memoryEngine, openKit, type StoreKit } from './store/testing/kit.ts';
import { FakeMessageStore } from './testing/fake-message-store.ts';

const WINDOW_MS = 5 * 60_000;

/** A clock whose wall time can be set. */
class TestClock extends SimulatedClock {
  shiftMs = 0;

  override nowMs(): number {
    return super.nowMs() + this.shiftMs;
  }
}

interface Opened {
  clock: TestClock;
  store: FakeMessageStore;
  dedup: DedupWindow;
}

function open(options: { idsMax?: number } = {}): Opened {
  const clock = new TestClock();
  const store = new FakeMessageStore();
  const dedup = new DedupWindow({ store, clock, timers: clock, ...options });
  return { clock, store, dedup };
}

async function openOn(
  engine: LogEngine,
  clock: SimulatedClock,
): Promise<{ kit: StoreKit; dedup: DedupWindow }> {
  const kit = await openKit(engine, {}, clock);
  return { kit, dedup: new DedupWindow({ store: kit.store, clock, timers: clock }) };
}

describe('the window', () => {
  it('knows an id for five minutes and no longer', () => {
    const { clock, dedup } = open();
    const number = dedup.nextNumber();
    dedup.remember('queue/1', 'a', number);
    expect(dedup.find('queue/1', 'a')).toBe(number);
    clock.advance(WINDOW_MS - 1);
    expect(dedup.find('queue/1', 'a')).toBe(number);
    clock.advance(1);
    expect(dedup.find('queue/1', 'a')).toBeUndefined();
  });

  it('keeps scopes apart, also where they would read alike when put together', () => {
    const { dedup } = open();
    dedup.remember('queue/1', '2', dedup.nextNumber());
    expect(dedup.find('queue/12', '')).toBeUndefined();
    expect(dedup.find('queue/', '12')).toBeUndefined();
    expect(dedup.find('queue/2', '2')).toBeUndefined();
    expect(dedup.find('queue/1', '2')).toBeDefined();
  });

  it('frees memory when it is over, also while nobody publishes', () => {
    const { clock, dedup, store } = open();
    for (let id = 0; id < 20_000; id++) dedup.remember('q', String(id), dedup.nextNumber());
    expect(dedup.count).toBe(20_000);
    clock.advance(WINDOW_MS + 5000);
    expect(dedup.count).toBe(0);
    expect(store.marks('dedup/')).toEqual([]);
  });

  it('starts again for an id that is remembered anew', () => {
    const { clock, dedup } = open();
    dedup.remember('q', 'a', dedup.nextNumber());
    clock.advance(WINDOW_MS / 2);
    const number = dedup.nextNumber();
    dedup.remember('q', 'a', number);
    clock.advance(WINDOW_MS - 1);
    expect(dedup.find('q', 'a')).toBe(number);
    clock.advance(5000);
    expect(dedup.find('q', 'a')).toBeUndefined();
    expect(dedup.count).toBe(0);
  });

  it('refuses more ids than it may remember, before they are published, until some are over', () => {
    const { clock, dedup } = open({ idsMax: 3 });
    for (const id of ['a', 'b', 'c']) {
      expect(dedup.find('q', id)).toBeUndefined();
      dedup.remember('q', id, dedup.nextNumber());
    }
    expect(() => dedup.find('q', 'd')).toThrow(/publish more slowly/);
    expect(dedup.find('q', 'a')).toBeDefined();
    clock.advance(WINDOW_MS);
    expect(dedup.find('q', 'd')).toBeUndefined();
  });

  it('refuses ids that are too long', () => {
    const { dedup } = open();
    expect(() => dedup.find('q', 'x'.repeat(1025))).toThrow(/1025 characters/);
    expect(dedup.find('q', 'x'.repeat(1024))).toBeUndefined();
  });
});

describe('numbers', () => {
  it('name the time, grow, and stay below 2^53', () => {
    const { clock, dedup } = open();
    const numbers = Array.from({ length: 3000 }, () => dedup.nextNumber());
    expect(Math.floor(numbers[0]! / 1000)).toBe(clock.nowMs());
    expect(numbers.every((number, at) => at === 0 || number > numbers[at - 1]!)).toBe(true);
    clock.shiftMs = Number.MAX_SAFE_INTEGER;
    const late = dedup.nextNumber();
    expect(late).toBeGreaterThan(numbers.at(-1)!);
    expect(late + 1e9).toBeLessThan(Number.MAX_SAFE_INTEGER);
    expect(dedup.nextNumber()).toBeGreaterThan(late);
  });

  it('grow when the wall clock is put back, and the window stays as long', () => {
    const { clock, dedup } = open();
    const before = dedup.nextNumber();
    dedup.remember('q', 'a', before);
    clock.shiftMs = -86_400_000;
    expect(dedup.nextNumber()).toBeGreaterThan(before);
    clock.advance(WINDOW_MS - 1);
    expect(dedup.find('q', 'a')).toBe(before);
    clock.advance(1);
    expect(dedup.find('q', 'a')).toBeUndefined();
  });
});

describe('the journal', () => {
  it.for([true, false])('has message and id in one batch (remembered first: %s)', async (first) => {
    const engine = memoryEngine();
    const { kit, dedup } = await openOn(engine, new TestClock());
    const numbers: number[] = [];
    // Much more than one batch takes in a turn.
    for (let seq = 0; seq < 60; seq++) {
      const number = dedup.nextNumber();
      if (first) dedup.remember('q', String(seq), number);
      kit.put([[1, seq]], {
        body: `message ${number} `.padEnd(60_000 + ((seq * 37_000) % 150_000), 'x'),
      });
      if (!first) dedup.remember('q', String(seq), number);
      numbers.push(number);
    }
    await kit.committed();
    const names = new Map(kit.store.marks('dedup/').map(([name, number]) => [number, name]));
    const batches = await batchesOf(engine);
    expect(batches.length).toBeGreaterThan(3);
    for (const number of numbers) {
      const batch = batches.find((one) => one.includes(`message ${number} `));
      expect(batch?.includes(names.get(number)!), String(number)).toBe(true);
    }
  });
});

async function batchesOf(engine: LogEngine): Promise<Buffer[]> {
  const log = await engine.open('queues', { durability: 'fsync', segmentBytes: 64 << 20 });
  const batches: Buffer[] = [];
  for (let at = log.start; at < log.committed; ) {
    const read = await log.read(at, 1 << 20, true);
    for (const buffer of read.buffers) {
      for (let from = 0; from < buffer.length; from += batchBytes(buffer, from)) {
        batches.push(buffer.subarray(from, from + batchBytes(buffer, from)));
      }
    }
    at = read.nextOffset;
  }
  return batches;
}

describe('a restart', () => {
  it('keeps ids with their time, and numbers go on', async () => {
    const engine = memoryEngine();
    const clock = new TestClock();
    const first = await openOn(engine, clock);
    const numbers = ['a', 'b'].map((id) => {
      const number = first.dedup.nextNumber();
      first.kit.put([[1, number % 100]]);
      first.dedup.remember('q', id, number);
      clock.advance(60_000);
      return number;
    });
    await first.kit.store.close();
    clock.advance(3 * 60_000);
    const { kit, dedup } = await openOn(engine, clock);
    expect(dedup.find('q', 'a')).toBeUndefined();
    expect(dedup.find('q', 'b')).toBe(numbers[1]);
    expect(kit.store.marks('dedup/')).toHaveLength(1);
    clock.advance(60_000);
    expect(dedup.find('q', 'b')).toBeUndefined();
  });

  it('gives out larger numbers although the clock was put back and all ids are over', async () => {
    const engine = memoryEngine();
    const first = await openOn(engine, new TestClock());
    const number = first.dedup.nextNumber();
    await first.kit.committed();
    await first.kit.store.close();
    const clock = new TestClock();
    clock.shiftMs = -86_400_000;
    const second = await openOn(engine, clock);
    expect(second.dedup.nextNumber()).toBeGreaterThan(number);
  });
});

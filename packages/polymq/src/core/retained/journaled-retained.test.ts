import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../lib/environment/simulated/simulated-clock.ts';
import { createMemoryEngine } from '../../log/memory/memory-engine.ts';
import { turns } from '../../log/testing/contract.ts';
import { openRetained, type RetainedKitOptions, retainedDraft, retainedOf } from './testing/kit.ts';

const SMALL = { arenaBytes: 8 << 10, memoryBytesMax: 64 << 10, segmentBytes: 32 << 10 };

async function open(options?: RetainedKitOptions) {
  const clock = new SimulatedClock();
  const engine = createMemoryEngine({ timers: clock });
  const kit = await openRetained(engine, clock, options);
  return { ...kit, reopen: () => openRetained(engine, clock, options) };
}

describe('retained messages', () => {
  it('keep the newest of each key, and show those that a pattern matches', async () => {
    const { retained } = await open();
    retained.set('', retainedDraft('a.b', '1'));
    retained.set('', retainedDraft('a.c', '2'));
    retained.set('', retainedDraft('a.b', '3'));
    expect(await retainedOf(retained)).toEqual([
      ['a.b', '3'],
      ['a.c', '2'],
    ]);
    expect(await retainedOf(retained, 'a.c')).toEqual([['a.c', '2']]);
    expect(await retainedOf(retained, 'a')).toEqual([]);
    expect(retained.count).toBe(2);
  });

  it('show what is in memory at once, in the order in which it was set', async () => {
    const { retained } = await open();
    for (const key of ['z', 'a', 'm', 'a']) retained.set('', retainedDraft(key, 'x'));
    const keys: string[] = [];
    const rest = retained.visit('', '#', (view) => keys.push(view.routingKey) > 0);
    expect(rest).toBeUndefined();
    expect(keys).toEqual(['z', 'm', 'a']);
  });

  it('know no keys of other namespaces', async () => {
    const { retained, close, reopen } = await open();
    retained.set('', retainedDraft('1:a', '1'));
    retained.set('1:a', retainedDraft('', '2'));
    expect(await retainedOf(retained)).toEqual([['1:a', '1']]);
    expect(await retainedOf(retained, '#', '1:a')).toEqual([['', '2']]);
    expect(retained.remove('other', '1:a')).toBe(false);
    await close();
    const again = await reopen();
    expect(await retainedOf(again.retained)).toEqual([['1:a', '1']]);
    expect(await retainedOf(again.retained, '#', '1:a')).toEqual([['', '2']]);
  });

  it('are there after a restart, with how long they live; removed ones and volatile ones are not', async () => {
    const { retained, close, reopen, clock } = await open();
    retained.set('', retainedDraft('kept', '1', { ttlMs: 60_000 }));
    retained.set('', retainedDraft('replaced', '2'));
    retained.set('', retainedDraft('replaced', '3'));
    retained.set('', retainedDraft('removed', '4'));
    retained.set('', retainedDraft('volatile', '5', { persistent: false }));
    expect(retained.remove('', 'removed')).toBe(true);
    expect(retained.remove('', 'removed')).toBe(false);
    const endMs = clock.nowMs() + 60_000;
    await close();
    clock.advance(10_000);
    const again = await reopen();
    expect(await retainedOf(again.retained)).toEqual([
      ['kept', '1'],
      ['replaced', '3'],
    ]);
    const expiries: number[] = [];
    void again.retained.visit('', 'kept', (_view, expiresMs) => expiries.push(expiresMs) > 0);
    expect(expiries).toEqual([endMs]);
    again.retained.set('', retainedDraft('replaced', '6'));
    expect(again.retained.count).toBe(2);
    await again.close();
    const third = await reopen();
    expect(await retainedOf(third.retained, 'replaced')).toEqual([['replaced', '6']]);
  });

  it('are gone when their time is over, without being asked for', async () => {
    const { retained, clock, store } = await open();
    retained.set('', retainedDraft('short', '1', { ttlMs: 1000 }));
    retained.set('', retainedDraft('long', '2', { ttlMs: 100_000 }));
    retained.set('', retainedDraft('short', '3', { ttlMs: 5000 }));
    clock.advance(2000);
    expect(retained.count).toBe(2);
    clock.advance(4000);
    expect(retained.count).toBe(1);
    expect(store.rows.count).toBe(1);
    expect(await retainedOf(retained)).toEqual([['long', '2']]);
  });

  it('are not shown when their time is over by the wall clock alone', async () => {
    const monotonicMs = 0;
    const clock = { nowMs: () => wallMs, monotonicMs: () => monotonicMs };
    let wallMs = 1_700_000_000_000;
    const { retained } = await open({ retained: { clock } });
    retained.set('', retainedDraft('a', '1', { ttlMs: 1000 }));
    wallMs += 5000;
    expect(await retainedOf(retained)).toEqual([]);
    expect(retained.count).toBe(0);
  });

  it('stay below their limits, and what was there before stays when another is refused', async () => {
    const { retained } = await open({ retained: { countMax: 2, bytesMax: 1000 } });
    retained.set('', retainedDraft('a', 'x'.repeat(500)));
    retained.set('', retainedDraft('b', 'x'));
    expect(() => retained.set('', retainedDraft('c', ''))).toThrow('2 messages are retained');
    expect(() => retained.set('', retainedDraft('a', 'x'.repeat(980)))).toThrow('1000 bytes');
    expect(await retainedOf(retained, 'a')).toEqual([['a', 'x'.repeat(500)]]);
    retained.set('', retainedDraft('a', 'y'.repeat(900)));
    retained.remove('', 'a');
    retained.set('', retainedDraft('c', 'x'.repeat(900)));
    expect(retained.count).toBe(2);
    retained.remove('', 'b');
    retained.remove('', 'c');
    expect(retained.bytes).toBe(0);
  });

  it('are read from disk when they are in no memory, each piece of it once', async () => {
    const { retained, store } = await open({ store: SMALL });
    for (let n = 0; n < 400; n++) {
      // Neighbours in the tree are far from each other on disk.
      const key = `${n % 10}.${n}`;
      retained.set('', retainedDraft(key, `${n} `.padEnd(1000, '.')));
      if (n % 5 === 0) await turns(1);
    }
    await turns(5);
    expect(store.memoryBytes).toBeLessThan(SMALL.memoryBytesMax);
    const found = await retainedOf(retained, '*.*');
    expect(found.length).toBe(400);
    for (const [key, body] of found) expect(body.split(' ')[0]).toBe(key.split('.')[1]);
    expect(store.counters.loads).toBeLessThan(80);
  });

  it('are shown in slices, as fast as the reader takes them, without those removed meanwhile', async () => {
    const { retained, clock } = await open();
    for (let n = 0; n < 100; n++) retained.set('', retainedDraft(`k.${n}`, `${n}`));
    const shown: string[] = [];
    let go: (more: boolean) => void = () => undefined;
    const rest = retained.visit('', 'k.*', (view) => {
      shown.push(view.body.toString());
      clock.advance(1);
      if (shown.length !== 40) return true;
      return new Promise<boolean>((resolve) => {
        go = resolve;
      });
    });
    expect(shown.length).toBe(32);
    await turns(10);
    expect(shown.length).toBe(40);
    retained.remove('', 'k.50');
    // Takes the row that has just become free.
    retained.set('', retainedDraft('k.new', 'new'));
    go(true);
    await rest;
    expect(shown.length).toBe(99);
    expect(shown).not.toContain('50');
    expect(shown).not.toContain('new');
  });

  it('are put in order in another turn when there are many, without those removed meanwhile', async () => {
    const { retained } = await open();
    for (let n = 0; n < 40_000; n++) retained.set('', retainedDraft(`k.${n}`, ''));
    const keys: string[] = [];
    const rest = retained.visit('', '#', (view) => keys.push(view.routingKey) > 0);
    expect(keys).toEqual([]);
    // Whole pages of rows go.
    for (let n = 0; n < 39_990; n++) retained.remove('', `k.${n}`);
    retained.set('', retainedDraft('k.new', ''));
    await rest;
    expect(keys).toEqual(Array.from({ length: 10 }, (_, n) => `k.${39_990 + n}`));
  });

  it('are shown to several readers in turn', async () => {
    const { retained } = await open();
    for (let n = 0; n < 200; n++) retained.set('', retainedDraft(`k.${n}`, ''));
    const order: string[] = [];
    const walks = ['a', 'b', 'c'].map((reader) =>
      retained.visit('', '#', () => order.push(reader) > 0),
    );
    await Promise.all(walks);
    expect(order.length).toBe(600);
    expect(order.lastIndexOf('c')).toBeGreaterThan(order.lastIndexOf('a'));
    expect(order.lastIndexOf('a') - order.indexOf('c')).toBeGreaterThan(300);
  });

  it('are shown until the reader has enough', async () => {
    const { retained } = await open();
    for (let n = 0; n < 10; n++) retained.set('', retainedDraft(`k.${n}`, `${n}`));
    let count = 0;
    expect(retained.visit('', '#', () => ++count < 3)).toBeUndefined();
    expect(count).toBe(3);
    await retained.visit('', '#', async () => ++count < 6);
    expect(count).toBe(6);
  });

  it('end what readers have begun when the broker stops', async () => {
    const { retained, close } = await open();
    for (let n = 0; n < 10; n++) retained.set('', retainedDraft(`k.${n}`, `${n}`));
    let count = 0;
    const rest = retained.visit('', '#', async () => ++count > 0);
    await close();
    await rest;
    expect(count).toBe(1);
    expect(() => retained.set('', retainedDraft('k', ''))).toThrow('shutting down');
  });
});

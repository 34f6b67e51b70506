import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BrokerError } from '../errors.ts';
import { decodeSnapshots, encodeSnapshots } from './producer-snapshot.ts';
import { addSequence, type ProducerBatch, ProducerTable } from './producer-state.ts';

const LAST = 2 ** 31 - 1;

function table(countMax = 1000): ProducerTable {
  return new ProducerTable({ count: 0, countMax });
}

function of(firstSequence: number, recordCount = 1, epoch = 0, producerId = 1): ProducerBatch {
  return { producerId, epoch, firstSequence, recordCount };
}

/** What the table says of a batch: the offset of its original, `new`, or the error. */
function judge(producers: ProducerTable, batch: ProducerBatch): number | string {
  try {
    return producers.check(batch)?.baseOffset ?? 'new';
  } catch (error: unknown) {
    if (error instanceof BrokerError) return error.code;
    throw error;
  }
}

describe('producer state', () => {
  it('takes any first sequence of a producer it does not know', () => {
    expect(judge(table(), of(0))).toBe('new');
    expect(judge(table(), of(12_345))).toBe('new');
  });

  it('finds the last five batches again, and no more', () => {
    const producers = table();
    for (let index = 0; index < 6; index++) producers.record(of(index * 10, 10), index * 10, 0);
    expect(judge(producers, of(0, 10))).toBe('out-of-order-sequence');
    for (let index = 1; index < 6; index++) {
      expect(judge(producers, of(index * 10, 10))).toBe(index * 10);
    }
    expect(judge(producers, of(50, 9))).toBe('out-of-order-sequence');
    expect(judge(producers, of(60, 10))).toBe('new');
    expect(judge(producers, of(61, 10))).toBe('out-of-order-sequence');
  });

  it('goes on at 0 after the largest sequence', () => {
    const producers = table();
    producers.record(of(LAST - 4, 3), 0, 0);
    expect(judge(producers, of(LAST - 1, 4))).toBe('new');
    producers.record(of(LAST - 1, 4), 3, 0);
    expect(judge(producers, of(LAST - 1, 4))).toBe(3);
    expect(judge(producers, of(2, 1))).toBe('new');
    producers.record(of(2, 1), 7, 0);
    const ending = table();
    ending.record(of(LAST, 1), 0, 0);
    expect(judge(ending, of(0, 1))).toBe('new');
  });

  it('begins again with a higher epoch and refuses a lower one', () => {
    const producers = table();
    producers.record(of(0, 1, 3), 0, 0);
    expect(judge(producers, of(1, 1, 2))).toBe('stale-producer-epoch');
    expect(judge(producers, of(1, 1, 4))).toBe('out-of-order-sequence');
    expect(judge(producers, of(0, 1, 4))).toBe('new');
    producers.record(of(0, 1, 4), 1, 0);
    expect(judge(producers, of(0, 1, 4))).toBe(1);
    expect(judge(producers, of(1, 1, 3))).toBe('stale-producer-epoch');
  });

  it('forgets what the log lost, and nothing that it kept', () => {
    const producers = table();
    producers.record(of(0, 10), 0, 0);
    producers.record(of(0, 1, 0, 2), 10, 0);
    producers.record(of(10, 5), 11, 0);
    producers.record(of(0, 1, 1, 2), 16, 0);
    producers.rollBack(11);
    expect(judge(producers, of(10, 5))).toBe('new');
    expect(judge(producers, of(0, 10))).toBe(0);
    expect(judge(producers, of(0, 1, 0, 2))).toBe(10);
    producers.rollBack(0);
    expect(producers.count).toBe(0);
  });

  it('cannot undo what is committed', () => {
    const producers = table();
    producers.record(of(0), 0, 0);
    producers.settle(1);
    producers.rollBack(0);
    expect(judge(producers, of(0))).toBe(0);
  });

  it('forgets producers that were silent, and the oldest when there are too many', () => {
    const producers = table(20);
    for (let id = 0; id < 20; id++) producers.record(of(0, 1, 0, id), id, 1000 + id);
    producers.expire(1005);
    expect(producers.count).toBe(15);
    for (let id = 100; id < 106; id++) producers.record(of(0, 1, 0, id), id, 2000 + id);
    expect(producers.count).toBeLessThanOrEqual(20);
    expect(judge(producers, of(0, 1, 0, 5))).toBe('new');
    expect(judge(producers, of(5, 1, 0, 105))).toBe('out-of-order-sequence');
  });

  it('gives its part of the common budget back', () => {
    const budget = { count: 0, countMax: 10 };
    const one = new ProducerTable(budget);
    const two = new ProducerTable(budget);
    for (let id = 0; id < 5; id++) {
      one.record(of(0, 1, 0, id), 0, 0);
      two.record(of(0, 1, 0, id), 0, 0);
    }
    expect(budget.count).toBe(10);
    one.clear();
    expect(budget.count).toBe(5);
    two.expire(1);
    expect(budget.count).toBe(0);
  });

  it('decides like a model that remembers everything, also over snapshots and losses', () => {
    const step = fc.record({
      producerId: fc.nat(1),
      /** Relative to the producer's epoch. */
      epochSkew: fc.constantFrom(...new Array(20).fill(0), 1, -1),
      /** Relative to what would follow; 0 is right. */
      skew: fc.constantFrom(0, 0, 0, 0, 1, -1, -3),
      /** Instead of that, sends the batch again that was accepted so many batches ago. */
      again: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, fc.nat(9)),
      recordCount: fc.constantFrom(1, 1, 3, 10),
      event: fc.constantFrom('none', 'none', 'none', 'commit', 'lose', 'snapshot'),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 30, maxLength: 80 }), fc.boolean(), (steps, wrap) => {
        let producers = table();
        const model = new Model();
        const origin = wrap ? LAST - 20 : 0;
        let tail = 0;
        let committed = 0;
        for (const { producerId, epochSkew, skew, recordCount, event, again } of steps) {
          const epoch = Math.max(0, model.epochOf(producerId) + epochSkew);
          const next = model.following(producerId, epoch, origin);
          const sequence = Math.max(0, next + skew) % 2 ** 31;
          const old = again === null ? undefined : model.accepted.at(-1 - again);
          const batch = old ?? of(sequence, recordCount, epoch, producerId);
          const expected = model.judge(batch);
          expect(judge(producers, batch)).toBe(expected);
          if (expected === 'new') {
            producers.record(batch, tail, 0);
            model.accepted.push({ ...batch, baseOffset: tail });
            tail += batch.recordCount;
          }
          if (event === 'commit' || event === 'snapshot') {
            committed = tail;
            producers.settle(committed);
          }
          if (event === 'lose') {
            tail = committed;
            producers.rollBack(tail);
            model.accepted = model.accepted.filter(({ baseOffset }) => baseOffset < tail);
          }
          if (event === 'snapshot') producers = restored(producers, tail);
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** Through the bytes of a snapshot. */
function restored(producers: ProducerTable, offset: number): ProducerTable {
  const bytes = encodeSnapshots([
    { log: 'a/0', offset: 0, producers: new Map() },
    { log: 'stream/x/1', offset, producers: new Map(producers.entries()) },
  ]);
  const [, snapshot] = decodeSnapshots(bytes);
  expect(snapshot).toMatchObject({ log: 'stream/x/1', offset });
  const copy = table();
  for (const [id, state] of snapshot!.producers) copy.set(id, state);
  return copy;
}

/** Every accepted batch in order; the rules of KIP-98 told over the whole list. */
class Model {
  accepted: (ProducerBatch & { baseOffset: number })[] = [];

  judge(batch: ProducerBatch): number | string {
    const mine = this.accepted.filter(({ producerId }) => producerId === batch.producerId);
    const last = mine.at(-1);
    if (last === undefined) return 'new';
    if (batch.epoch < last.epoch) return 'stale-producer-epoch';
    if (batch.epoch > last.epoch)
      return batch.firstSequence === 0 ? 'new' : 'out-of-order-sequence';
    const same = mine.filter(({ epoch }) => epoch === batch.epoch).slice(-5);
    const original = same.find(
      ({ firstSequence, recordCount }) =>
        firstSequence === batch.firstSequence && recordCount === batch.recordCount,
    );
    if (original !== undefined) return original.baseOffset;
    const expected = addSequence(last.firstSequence, last.recordCount);
    return batch.firstSequence === expected ? 'new' : 'out-of-order-sequence';
  }

  epochOf(producerId: number): number {
    return this.accepted.filter((batch) => batch.producerId === producerId).at(-1)?.epoch ?? 0;
  }

  following(producerId: number, epoch: number, origin: number): number {
    const last = this.accepted.filter((batch) => batch.producerId === producerId).at(-1);
    if (last === undefined) return origin;
    return last.epoch === epoch ? addSequence(last.firstSequence, last.recordCount) : 0;
  }
}

import { describe, expect, it } from 'vitest';
import { ArenaPool, release } from '../../lib/arena.ts';
import { writeInt64 } from '../../lib/bytes/int64.ts';
import { AT } from '../batch.ts';
import { makeBatch } from '../testing/batches.ts';
import { LogTail, TailCache } from './tail-cache.ts';

describe('the tail of a log whose writer has the newest batches itself', () => {
  it('holds batches, where they are, until they are written', () => {
    const cache = new TailCache(1 << 20);
    const tail = new LogTail(cache, false);
    const pool = new ArenaPool(1 << 20);
    for (const baseOffset of [0, 1]) {
      const arena = pool.take(4096);
      const made = makeBatch();
      writeInt64(made, baseOffset, AT.baseOffset);
      made.copy(arena);
      const kept = tail.push(baseOffset, arena.subarray(0, made.length));
      expect(kept.buffer).toBe(arena.buffer);
      release(arena);
    }
    expect(cache.bytes).toBe(0);
    expect([tail.firstOffset, pool.pooledBytes]).toEqual([0, 0]);
    tail.writtenOffset = 1;
    expect([tail.firstOffset, pool.pooledBytes]).toEqual([1, 4096]);
    tail.removeFrom(1);
    expect([tail.firstOffset, pool.pooledBytes]).toEqual([Number.POSITIVE_INFINITY, 8192]);
  });
});

import { describe, expect, it } from 'vitest';
import { ArenaPool, ArenaWriter, abandon, arenaSize, release, retain } from './arena.ts';

const KIB = 1024;

describe('ArenaPool', () => {
  it('gives memory out again only after its last user has released it', () => {
    const pool = new ArenaPool(64 * KIB);
    const arena = pool.take(8 * KIB);
    const slice = arena.subarray(100, 200);
    retain(slice);
    release(arena);
    expect(pool.pooledBytes).toBe(0);
    release(slice);
    expect(pool.pooledBytes).toBe(8 * KIB);
    expect(pool.take(8 * KIB).buffer).toBe(arena.buffer);
    expect(pool.pooledBytes).toBe(0);
  });

  it('never gives abandoned memory out again', () => {
    const pool = new ArenaPool(64 * KIB);
    const arena = pool.take(8 * KIB);
    retain(arena);
    abandon(arena.subarray(0, 1));
    release(arena);
    release(arena);
    expect(pool.take(8 * KIB).buffer).not.toBe(arena.buffer);
  });

  it('keeps no more free memory than allowed', () => {
    const pool = new ArenaPool(10 * KIB);
    const taken = [pool.take(8 * KIB), pool.take(8 * KIB)];
    for (const arena of taken) release(arena);
    expect(pool.pooledBytes).toBe(8 * KIB);
  });

  it('does not mix sizes', () => {
    const pool = new ArenaPool(64 * KIB);
    release(pool.take(8 * KIB));
    expect(pool.take(4 * KIB).length).toBe(4 * KIB);
  });

  it('gives up free memory of sizes that are not used any more', () => {
    const pool = new ArenaPool(10 * KIB);
    for (const arena of [pool.take(4 * KIB), pool.take(4 * KIB)]) release(arena);
    release(pool.take(6 * KIB));
    expect(pool.pooledBytes).toBe(10 * KIB);
    release(pool.take(10 * KIB));
    expect(pool.pooledBytes).toBe(10 * KIB);
    release(pool.take(11 * KIB));
    expect(pool.pooledBytes).toBe(10 * KIB);
  });

  it('gives up what is over when less may be kept', () => {
    const pool = new ArenaPool(10 * KIB);
    for (const arena of [pool.take(4 * KIB), pool.take(4 * KIB)]) release(arena);
    pool.limit(5 * KIB);
    expect(pool.pooledBytes).toBe(4 * KIB);
    pool.limit(0);
    expect(pool.pooledBytes).toBe(0);
  });

  it('ignores memory that is in no arena', () => {
    const plain = Buffer.alloc(10);
    retain(plain);
    release(plain);
    abandon(plain);
    expect(plain.length).toBe(10);
  });
});

describe('the size of an arena', () => {
  it('wastes little on what is larger than usual', () => {
    expect([1, 100, 101, 125, 126].map((bytes) => arenaSize(bytes, 100))).toEqual([
      100, 100, 125, 125, 150,
    ]);
  });
});

describe('ArenaWriter', () => {
  it('puts copies side by side, and uses an arena again when all of them are released', () => {
    const pool = new ArenaPool(64 * KIB);
    const writer = new ArenaWriter(pool, KIB);
    const source = Buffer.from('0123456789');
    const copies = Array.from({ length: 150 }, () => writer.copy(source, 2, 9));
    expect(copies.every((copy) => copy.toString() === '2345678')).toBe(true);
    expect(copies[1]!.buffer).toBe(copies[0]!.buffer);
    expect(copies[149]!.buffer).not.toBe(copies[0]!.buffer);
    for (const copy of copies) release(copy);
    expect(pool.pooledBytes).toBe(KIB);
  });

  it('makes room for a piece that is larger than its arenas', () => {
    const writer = new ArenaWriter(new ArenaPool(0), KIB);
    const large = Buffer.alloc(3 * KIB, 7);
    expect(writer.copy(large, 0, large.length).equals(large)).toBe(true);
  });
});

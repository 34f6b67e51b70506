import { describe, expect, it } from 'vitest';
import type { Disk } from '../lib/environment/disk.ts';
import type { Logger } from '../lib/logger.ts';
import { silentLogger } from '../lib/logger.ts';
import { DiskWatch, watermarkBytes } from './disk-watch.ts';

const GIB = 1024 ** 3;
const config = { freeBytesMin: GIB, freePercentMin: 5, tailCacheBytes: 0 };

/** A disk whose free space the test sets, and timers that it fires. */
function fakeWorld(free: number) {
  let pending: (() => void) | undefined;
  const world = {
    free,
    disk: { freeBytes: async () => ({ free: world.free, total: 10 * GIB }) } as unknown as Disk,
    timers: {
      after: (_delayMs: number, callback: () => void) => {
        pending = callback;
        return { unref() {} };
      },
      clear: () => {
        pending = undefined;
      },
      immediate: () => {},
    },
    tick: async () => {
      pending?.();
      await new Promise((resolve) => setImmediate(resolve));
    },
    get armed() {
      return pending !== undefined;
    },
  };
  return world;
}

describe('watermarkBytes', () => {
  it('takes the larger of bytes and share, and no more than 5 GiB of a share', () => {
    expect(watermarkBytes(config, 10 * GIB)).toBe(GIB);
    expect(watermarkBytes(config, 40 * GIB)).toBe(2 * GIB);
    expect(watermarkBytes(config, 4000 * GIB)).toBe(5 * GIB);
    expect(watermarkBytes({ ...config, freeBytesMin: 9 * GIB }, 40 * GIB)).toBe(9 * GIB);
  });
});

describe('DiskWatch', () => {
  it('knows from the start whether space is low, and notices when that changes', async () => {
    const world = fakeWorld(GIB / 2);
    const lines: string[] = [];
    const note = (_fields: object, message: string) => void lines.push(message);
    const logger: Logger = { ...silentLogger, error: note, info: note };
    const watch = await DiskWatch.start(world, '/data', config, logger);
    expect(watch.low).toBe(true);
    expect(watch.space).toEqual({ free: GIB / 2, total: 10 * GIB });
    await world.tick();
    world.free = 2 * GIB;
    await world.tick();
    expect(watch.low).toBe(false);
    expect(lines).toHaveLength(2);
    watch.stop();
    expect(world.armed).toBe(false);
  });

  it('keeps its opinion when the disk does not answer, and goes on looking', async () => {
    const world = fakeWorld(2 * GIB);
    const watch = await DiskWatch.start(world, '/data', config, silentLogger);
    world.disk.freeBytes = () => Promise.reject(new Error('EIO'));
    await world.tick();
    expect(watch.low).toBe(false);
    expect(world.armed).toBe(true);
  });
});

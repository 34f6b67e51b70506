import { describe, expect, it } from 'vitest';
import { Alarms } from '../core/alarms.ts';
import { type Logger, silentLogger } from '../lib/logger.ts';
import { DiskWatch, watermarkOf } from './disk-watch.ts';

const GIB = 1024 ** 3;
const config = { freeBytesMin: GIB, freePercentMin: 5, tailCacheBytes: 0 };

describe('watermarkOf', () => {
  it.each([
    [config, 10 * GIB, GIB],
    [config, 40 * GIB, 2 * GIB],
    [config, 4000 * GIB, 5 * GIB],
    [{ ...config, freeBytesMin: 9 * GIB }, 40 * GIB, 9 * GIB],
    [{ ...config, freeBytesMin: 0, freePercentMin: 0 }, 40 * GIB, 0],
  ])(
    'takes the larger of bytes and share, but no more than 5 GiB of a share: %#',
    async (settings, total, watermark) => {
      const disk = { makeDirectory: async () => {}, freeBytes: async () => ({ free: 0, total }) };
      expect(await watermarkOf(disk, '/data', settings)).toBe(watermark);
    },
  );
});

describe('DiskWatch', () => {
  it('logs once when space gets low and once when it is back, until it is stopped', () => {
    let tick: (() => void) | undefined;
    const timers = {
      after: (_delayMs: number, callback: () => void) => {
        tick = callback;
        return { unref() {} };
      },
      clear: () => {
        tick = undefined;
      },
      immediate: () => {},
    };
    const lines: string[] = [];
    const note = (_fields: object, message: string) => void lines.push(message);
    const logger: Logger = { ...silentLogger, error: note, info: note };
    const metrics = { lowSpace: false, freeBytes: 2 * GIB };
    const alarms = new Alarms();
    const reasons: (string | undefined)[] = [];
    alarms.onChange(() => reasons.push(alarms.reason));
    const watch = new DiskWatch(metrics, timers, logger, alarms);
    watch.start();
    expect(lines).toHaveLength(0);
    metrics.lowSpace = true;
    tick?.();
    tick?.();
    metrics.lowSpace = false;
    tick?.();
    expect(lines.map((line) => line.slice(0, 17))).toEqual([
      'disk space is low',
      'disk space is suf',
    ]);
    expect(reasons).toEqual(['low on disk', undefined]);
    watch.stop();
    expect(tick).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';
import { Alarms } from '../core/alarms.ts';
import { createNodeEnvironment } from '../lib/environment/node/node-environment.ts';
import { silentLogger } from '../lib/logger.ts';
import { MemoryWatch, memoryWatermark } from './memory-watch.ts';

describe('memory watch', () => {
  it('sets the alarm above the limit and takes it back clearly below', () => {
    const alarms = new Alarms();
    const changes: (string | undefined)[] = [];
    alarms.onChange(() => changes.push(alarms.reason));
    let bytes = 0;
    const watch = new MemoryWatch({
      bytesMax: 1000,
      timers: createNodeEnvironment().timers,
      logger: silentLogger,
      alarms,
      residentBytes: () => bytes,
    });
    for (bytes of [999, 1001, 1200, 960, 951, 949, 999]) watch.look();
    expect(changes).toEqual(['low on memory', undefined]);
  });

  it('takes a share of what there is', () => {
    expect(memoryWatermark(50)).toBeGreaterThan(16 * 1024 * 1024);
    expect(memoryWatermark(60) / memoryWatermark(30)).toBeCloseTo(2);
  });
});

import { expect, test } from 'vitest';
import { murmur2, partitionOfKey } from './murmur2.ts';

// From the tests of Kafka's Java client (UtilsTest.testMurmur2).
test.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('hashes %s as the Java client does', (text, hash) => {
  expect(murmur2(Buffer.from(text))).toBe(hash);
});

test('keeps the partition within the topic, also for negative hashes', () => {
  for (let n = 0; n < 200; n += 1) {
    const partition = partitionOfKey(Buffer.from(`key ${n}`), 7);
    expect(partition).toBeGreaterThanOrEqual(0);
    expect(partition).toBeLessThan(7);
  }
});

import { expect, it } from 'vitest';
import { Backlog } from './backlog.ts';

const NOW_MS = 1_700_000_000_000;

it('keeps what waits in order, drops what has expired, and says how long the rest has left', () => {
  const backlog = new Backlog();
  const frame = () => Buffer.alloc(8);
  backlog.push({ frame: frame(), qos: 1, packetIdAt: 1, expiryAt: 0, expiresMs: 0 });
  backlog.push({ frame: frame(), qos: 1, packetIdAt: 1, expiryAt: 4, expiresMs: NOW_MS + 1000 });
  backlog.push({ frame: frame(), qos: 2, packetIdAt: 1, expiryAt: 4, expiresMs: NOW_MS + 9500 });
  expect(backlog.length).toBe(3);
  const bytes = backlog.bytes;
  expect(backlog.take(NOW_MS)?.expiryAt).toBe(0);
  expect(backlog.bytes).toBeLessThan(bytes);
  const next = backlog.take(NOW_MS + 2000)!;
  expect([next.qos, next.frame.readUInt32BE(4)]).toEqual([2, 8]);
  expect(backlog.take(NOW_MS)).toBeUndefined();
  expect([backlog.length, backlog.bytes]).toEqual([0, 0]);
});

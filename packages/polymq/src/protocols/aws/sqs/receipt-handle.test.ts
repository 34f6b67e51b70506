import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatReceipt, isOfLife, parseReceipt } from './receipt-handle.ts';

const anyReceipt = fc.record({
  boot: fc.integer({ min: 0, max: 0xffff_ffff }),
  queueId: fc.integer({ min: 0, max: 0xffff_ffff }),
  row: fc.integer({ min: 0, max: 0x7fff_ffff }),
  seq: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  attempt: fc.integer({ min: 0, max: 0xffff }),
  receivedMs: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
});

describe('receipt handles', () => {
  it('say what was put into them', () => {
    fc.assert(
      fc.property(anyReceipt, (receipt) => {
        expect(parseReceipt(formatReceipt(receipt))).toEqual(receipt);
      }),
    );
  });

  it('show of which life of the process they are', () => {
    fc.assert(
      fc.property(anyReceipt, fc.integer({ min: 0, max: 31 }), (receipt, bit) => {
        const handle = formatReceipt({ ...receipt, queueId: receipt.queueId >>> 2 });
        expect(isOfLife(handle, receipt.boot)).toBe(true);
        expect(isOfLife(handle, (receipt.boot ^ (1 << bit)) >>> 0)).toBe(false);
        // Of the largest queue ids it may say no, never a wrong yes.
        expect(isOfLife(formatReceipt(receipt), (receipt.boot ^ (1 << bit)) >>> 0)).toBe(false);
      }),
    );
  });

  it('are refused when any character is another one', () => {
    const handle = formatReceipt({
      boot: 1,
      queueId: 2,
      row: 3,
      seq: 4,
      attempt: 5,
      receivedMs: 6,
    });
    for (let at = 0; at < handle.length - 2; at++) {
      const other = handle[at] === 'B' ? 'C' : 'B';
      expect(parseReceipt(handle.slice(0, at) + other + handle.slice(at + 1))).toBeUndefined();
    }
    expect(parseReceipt('')).toBeUndefined();
    expect(parseReceipt(handle.slice(1))).toBeUndefined();
  });
});

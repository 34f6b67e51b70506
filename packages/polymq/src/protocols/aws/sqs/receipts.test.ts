import { describe, expect, it } from 'vitest';
import type { Queue } from '../../../core/queue/queue.ts';
import { formatReceipt } from './receipt-handle.ts';
import { Receipts } from './receipts.ts';

const BOOT = 7;
const EARLIER = 6;
const ROW = 3;
const SEQ = 40;

/** A queue with one leased message, handed out so often as the broker remembers. */
function queueWith(attempts: number): Queue {
  const queue: Partial<Queue> = {
    id: 1,
    holds: (row, seq) => row === ROW && seq === SEQ,
    attempts: () => attempts,
    restoredLease: (seq) => (seq === SEQ ? ROW : undefined),
  };
  return queue as Queue;
}

function isCurrent(remembered: number, { boot, attempt }: { boot: number; attempt: number }) {
  const handle = formatReceipt({ boot, attempt, queueId: 1, row: ROW, seq: SEQ, receivedMs: 1 });
  const receipts = new Receipts(queueWith(remembered), BOOT);
  expect(receipts.search([handle])).toBeUndefined();
  return receipts.know(handle).current;
}

describe('receipts', () => {
  it.each([BOOT, EARLIER])(
    'of the newest attempt hold the message, of older ones do not',
    (boot) => {
      expect(isCurrent(2, { boot, attempt: 2 })).toBe(true);
      expect(isCurrent(2, { boot, attempt: 1 })).toBe(false);
    },
  );

  it('of an attempt that a crash has undone hold the message', () => {
    expect(isCurrent(1, { boot: EARLIER, attempt: 2 })).toBe(true);
    expect(isCurrent(1, { boot: BOOT, attempt: 2 })).toBe(false);
  });
});

/** What a receipt handle says about a message now. */
import type { Queue } from '../../../core/queue/queue.ts';
import { AwsError } from '../wire/index.ts';
import { parseReceipt, type Receipt } from './receipt-handle.ts';

export interface KnownReceipt {
  receipt: Receipt;
  /** Undefined: from an earlier life of the broker, and the message was not in flight when that ended. */
  row: number | undefined;
  /** The message is in flight, and this is its newest receipt. */
  current: boolean;
}

/** Throws `ReceiptHandleIsInvalid`. `boot`: this life of the process. */
export function knownReceipt(queue: Queue, handle: string, boot: number): KnownReceipt {
  const receipt = parseReceipt(handle);
  if (receipt === undefined || receipt.queueId !== queue.id) {
    throw new AwsError(
      'ReceiptHandleIsInvalid',
      `The input receipt handle "${handle.slice(0, 200)}" is not a valid receipt handle.`,
    );
  }
  const { seq } = receipt;
  const row = receipt.boot === boot ? receipt.row : queue.restoredLease(seq);
  const current =
    row !== undefined && queue.holds(row, seq) && queue.attempts(row) === receipt.attempt;
  return { receipt, row, current };
}

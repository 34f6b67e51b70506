/**
 * What receipt handles say about messages now. One of this life of the process names its row. One of an earlier life is looked up by
 * its number: at once where the lease was remembered; otherwise through all messages, which takes time, so that is done before
 * anything else.
 */
import type { Queue } from '../../../core/queue/queue.ts';
import { AwsError } from '../wire/index.ts';
import { isOfLife, parseReceipt, type Receipt } from './receipt-handle.ts';

export interface KnownReceipt {
  receipt: Receipt;
  /** Undefined: from an earlier life of the broker, and the message is gone. */
  row: number | undefined;
  /** The message is in flight, and this is its newest receipt. */
  current: boolean;
}

export class Receipts {
  readonly #queue: Queue;
  readonly #boot: number;
  /** Handle → row, of those that had to be searched. */
  readonly #found = new Map<string, number | undefined>();

  /** `boot`: this life of the process. */
  constructor(queue: Queue, boot: number) {
    this.#queue = queue;
    this.#boot = boot;
  }

  /** What has to be searched for before `know` can be asked; undefined if nothing has. */
  search(handles: readonly string[]): Promise<void> | undefined {
    let unknown: { handle: string; receipt: Receipt }[] | undefined;
    for (const handle of handles) {
      // Nearly all are, and reading one costs something.
      if (isOfLife(handle, this.#boot)) continue;
      const receipt = parseReceipt(handle);
      if (receipt?.queueId !== this.#queue.id || receipt.boot === this.#boot) continue;
      if (this.#queue.restoredLease(receipt.seq) !== undefined) continue;
      unknown ??= [];
      unknown.push({ handle, receipt });
    }
    return unknown === undefined ? undefined : this.#searchFor(unknown);
  }

  /** Throws `ReceiptHandleIsInvalid`. */
  know(handle: string): KnownReceipt {
    const queue = this.#queue;
    const receipt = parseReceipt(handle);
    if (receipt === undefined || receipt.queueId !== queue.id) {
      throw new AwsError(
        'ReceiptHandleIsInvalid',
        `The input receipt handle "${handle.slice(0, 200)}" is not a valid receipt handle.`,
      );
    }
    const { boot, seq, attempt } = receipt;
    const row =
      boot === this.#boot ? receipt.row : (queue.restoredLease(seq) ?? this.#found.get(handle));
    if (row === undefined || !queue.holds(row, seq)) return { receipt, row, current: false };
    const attempts = queue.attempts(row);
    // A crash may have undone what happened in the last moment: that the message came back and was handed out once more.
    const current = boot === this.#boot ? attempt === attempts : attempt >= attempts;
    return { receipt, row, current };
  }

  async #searchFor(unknown: readonly { handle: string; receipt: Receipt }[]): Promise<void> {
    for (const { handle, receipt } of unknown) {
      this.#found.set(handle, await this.#queue.findRestored(receipt.seq, receipt.receivedMs));
    }
  }
}

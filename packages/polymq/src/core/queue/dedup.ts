/**
 * What was published before: within five minutes a second message with the same deduplication id in the same scope is known, also
 * after a crash, since the memory of it is written in the same batch as the message.
 */
export interface Dedup {
  /**
   * A number that is larger than all before it, also those of before a restart, below 2^53. It names the time:
   * `Math.floor(number / 1000)` is about when it was given out, ms since the epoch.
   */
  nextNumber(): number;
  /**
   * The number remembered for the id, if it was remembered less than the window ago. Throws `BrokerError` `limit-reached` if
   * it is not known and so many ids are remembered that it could not be, or if scope or id is too long: ask before
   * publishing.
   */
  find(scope: string, id: string): number | undefined;
  /**
   * Remembers the id under a number that `nextNumber` has just returned. Call it right before or after the `publish` it
   * belongs to, which follows `nextNumber` in the same turn: then both are in one batch of the journal.
   */
  remember(scope: string, id: string, number: number): void;
}

/** The scope of the ids that programs themselves give to messages for one queue, by whatever way these come. */
export function queueDedupScope(queueId: number): string {
  return `sdk/${queueId}`;
}

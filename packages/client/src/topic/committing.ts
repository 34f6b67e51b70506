/**
 * How far a group is: per partition everything before the first record that is not done. Handlers end in any order; the
 * commit goes on in order.
 *
 *   offsets   5✓ 6✓ 7… 8✓ 9…         commit 7: 8 is handled again if this process dies now
 *
 * One commit per partition is on its way at a time; the next carries all that was done meanwhile.
 */
import type { GroupSubscription } from '../driver/driver.ts';
import type { Clock } from '../lib/clock.ts';
import { Deque } from '../lib/deque.ts';
import type { TopicMessage } from './topic-message.ts';

const AGAIN_MS = 1_000;

interface Progress {
  /** In order of offsets, from the first that is not done. */
  readonly open: Deque<TopicMessage>;
  /** Everything before it is done. */
  doneTo: number;
  committed: number;
  committing: Promise<void> | undefined;
}

export class Committing {
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  readonly #progress = new Map<number, Progress>();
  #group: Pick<GroupSubscription, 'commit'> | undefined = undefined;

  constructor(clock: Clock, onError: (error: unknown) => void) {
    this.#clock = clock;
    this.#onError = onError;
  }

  /** What was done before the group was joined in full is committed now. */
  start(group: Pick<GroupSubscription, 'commit'>): void {
    this.#group = group;
    for (const partition of this.#progress.keys()) this.#soon(partition);
  }

  add(message: TopicMessage): void {
    const { partition, offset } = message.record;
    let progress = this.#progress.get(partition);
    if (progress === undefined) {
      progress = { open: new Deque(), doneTo: offset, committed: offset, committing: undefined };
      this.#progress.set(partition, progress);
    }
    progress.open.push(message);
  }

  done({ record }: TopicMessage): void {
    const progress = this.#progress.get(record.partition);
    if (progress === undefined) return;
    const { open } = progress;
    while (open.first()?.state === 'done') progress.doneTo = open.shift()!.record.offset + 1;
    if (progress.doneTo > progress.committed) this.#soon(record.partition);
  }

  /** Resolves when what is done in these partitions (missing: all) is committed, or was tried. */
  async flush(partitions: Iterable<number> = this.#progress.keys()): Promise<void> {
    for (const partition of [...partitions]) {
      await this.#progress.get(partition)?.committing;
      await this.#commit(partition);
    }
  }

  /** These are read by somebody else. */
  drop(partitions: Iterable<number>): void {
    for (const partition of partitions) this.#progress.delete(partition);
  }

  /** At the end of the turn, so that what is done in one goes in one commit. */
  #soon(partition: number): void {
    const progress = this.#progress.get(partition);
    if (progress === undefined || progress.committing !== undefined) return;
    progress.committing = Promise.resolve().then(async () => {
      const isGood = await this.#commit(partition);
      progress.committing = undefined;
      if (!isGood) this.#clock.after(AGAIN_MS, () => this.#soon(partition));
      else if (progress.doneTo > progress.committed) this.#soon(partition);
    });
  }

  async #commit(partition: number): Promise<boolean> {
    const progress = this.#progress.get(partition);
    if (progress === undefined || this.#group === undefined) return true;
    const { doneTo } = progress;
    if (doneTo <= progress.committed) return true;
    try {
      await this.#group.commit(partition, doneTo);
      progress.committed = Math.max(progress.committed, doneTo);
      return true;
    } catch (error) {
      this.#onError(error);
      return false;
    }
  }
}

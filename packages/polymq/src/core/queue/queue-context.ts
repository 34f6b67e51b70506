import type { Clock, Timers } from '../../lib/environment/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { TimerWheel } from '../../lib/timer-wheel.ts';
import type { DeathReason } from '../message/history.ts';
import type { MessageDraft } from '../message/message-draft.ts';
import type { CoreQueue } from './core-queue.ts';
import type { MessageStore } from './message-store.ts';
import type { QueueCounters } from './queue-counters.ts';
import type { ReadyLevels } from './ready-levels.ts';
import type { RowPage } from './rows.ts';
import type { SparseColumn } from './store/sparse-column.ts';

/** What all queues share. */
export interface QueueContext {
  readonly store: MessageStore;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly counters: QueueCounters;
  readonly logger: Logger;
  /** Ends leases and delays; keys are rows. */
  readonly rowTimers: TimerWheel;
  /** Wakes queues whose first message expires, or that may be unused; keys are ids of queues. */
  readonly headTimers: TimerWheel;
  readonly unusedTimers: TimerWheel;
  /** When each row was first taken with a counted lease, for those that were. */
  readonly firstTaken: SparseColumn;
  /** Calls `proceed` of the queue in a later turn of the event loop. */
  later(queue: CoreQueue): void;
  /** Sends the row's message on, and then has its queue `forget` it. It is in no list. */
  deadLetter(row: number, reason: DeathReason): void;
  /** Sends on a message that the queue has not taken. */
  deadLetterRefused(queue: CoreQueue, draft: MessageDraft): void;
  /** Removes rows that no queue counts any more, some thousand per turn. */
  discard(rows: ReadyLevels): Promise<void>;
  /** Visits all rows of the queue, whatever their state, over many turns of the event loop. */
  forEachRow(
    queue: CoreQueue,
    visit: (row: number, page: RowPage, index: number) => void,
  ): Promise<void>;
  /** Whether there is a queue of that name. */
  isThere(namespace: string, name: string): boolean;
  /** The last consumer of an auto-delete queue has gone, or nobody has used it for long. */
  deleteUnused(queue: CoreQueue): void;
}

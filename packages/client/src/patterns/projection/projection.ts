/** Read models from events: a function over all events of a store that remembers how far it has come. */
import type { Duration } from '../../lib/duration.ts';
import type { RetryOptions } from '../../queue/queue.ts';
import type { SqlDatabase, SqlTransaction } from '../../sql/database.ts';
import type { AnyEvents, RecordedEvent } from '../events/event-types.ts';

export interface ProjectionContext {
  /**
   * The transaction that also moves the checkpoint: what is written in it is written exactly once. Throws `invalid-argument` when it is read
   * and the checkpoint is in no database.
   */
  readonly tx: SqlTransaction;
  /** Aborts when the projection is closed. */
  readonly signal: AbortSignal;
}

/** One handler per type of event; `'*'` gets those that have none. What nobody handles is passed over. */
export type ProjectionHandlers<E = AnyEvents> = {
  [Type in keyof E & string]?: (
    event: Extract<RecordedEvent<E>, { readonly type: Type }>,
    context: ProjectionContext,
  ) => unknown;
} & { '*'?: (event: RecordedEvent<E>, context: ProjectionContext) => unknown };

/** Where a projection keeps how far it has come, if not in a database. */
export interface CheckpointStore {
  load(projection: string): Promise<string | undefined>;
  /** `undefined`: at the beginning. */
  save(projection: string, position: string | undefined): Promise<void>;
}

export interface ProjectOptions {
  /**
   * A database: handlers run in a transaction of it (`context.tx`) that moves the checkpoint as well, so their writes take effect exactly once, whatever
   * crashes, and also if two processes run the same projection. `'store'`: beside the events, at least once; after a crash the last batch
   * comes again. Missing: the event store's own database if it has one, else `'store'`.
   */
  checkpoint?: SqlDatabase | CheckpointStore | 'store';
  /** Events per transaction or checkpoint, at most. Missing: 100. */
  batch?: number;
  /** What happens to an event whose handler throws. Missing: 10 retries, exponential from 100 ms to 30 s. Then the projection stops. */
  retry?: RetryOptions | false;
  /** Empties what the projection has written; called by `rebuild`, in the transaction that resets the checkpoint. */
  reset?: (context: ProjectionContext) => unknown;
  /** Told of every failed attempt, and of the last one before the projection stops. */
  onError?: (error: unknown) => void;
}

export interface ProjectionLag {
  /** Events not handled yet; 10,000 if there are more. */
  readonly events: number;
  /** Age of the oldest of them in ms; 0 if there is none. */
  readonly ms: number;
}

export interface Projection extends AsyncDisposable {
  readonly name: string;
  /** Behind which event it is; `undefined`: at the beginning. */
  readonly position: string | undefined;
  lag(): Promise<ProjectionLag>;
  /** Resolves when everything that was stored before this call has been handled. Rejects if the projection stops before, or with `timeout`. */
  caughtUp(options?: { timeout?: Duration }): Promise<void>;
  /** Empties the read model (`reset`) and handles all events again, from the first. Resolves when that has begun. */
  rebuild(): Promise<void>;
  /** Finishes the event that is being handled, saves the checkpoint and stops. Closing the client does so, too. */
  close(): Promise<void>;
  /** Resolves when it has been closed; rejects when an event could not be handled: nothing is ever skipped. */
  readonly closed: Promise<void>;
}

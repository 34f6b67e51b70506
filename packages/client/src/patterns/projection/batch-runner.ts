/**
 * Shows a batch of events to the handlers, by one of two rules:
 *
 *   in a database   begin ─ lock the checkpoint, still where we think? ─ handlers (tx) ─ move the checkpoint ─ commit
 *   elsewhere       handlers ─ save the checkpoint
 *
 * In the first, a crash or an error anywhere leaves neither writes nor a moved checkpoint. In the second, a crash between leaves events that come again.
 */
import { PolymqError } from '../../errors.ts';
import type { SqlDatabase, SqlTransaction } from '../../sql/database.ts';
import { migrate } from '../../sql/migrate.ts';
import type { RecordedEvent } from '../events/event-types.ts';
import {
  CHECKPOINTS_SCHEMA,
  makeCheckpoint,
  readCheckpoint,
  writeCheckpoint,
} from './checkpoints.ts';
import type { CheckpointStore, ProjectionContext, ProjectionHandlers } from './projection.ts';

type Position = string | undefined;

export interface BatchRunner<E> {
  load(): Promise<Position>;
  /**
   * Handles events that lie behind `from`. Answers where it is now, which is elsewhere if another process was faster. Throws
   * `HandlerError` for what a handler throws.
   */
  run(events: readonly RecordedEvent<E>[], from: Position): Promise<Position>;
  /** Back to the beginning. */
  reset(): Promise<void>;
}

export interface BatchRunnerOptions<E> {
  /** Of the checkpoint. */
  readonly key: string;
  readonly handlers: ProjectionHandlers<E>;
  readonly reset: ((context: ProjectionContext) => unknown) | undefined;
  readonly signal: AbortSignal;
}

/** A handler has thrown; `cause` is what. Ask `load` how far the projection has come. */
export class HandlerError extends Error {
  readonly event: { readonly type: string; readonly stream: string; readonly version: number };

  constructor(cause: unknown, event: HandlerError['event']) {
    super('a handler of a projection failed', { cause });
    this.event = event;
  }
}

/** Exactly once. */
export class TransactionRunner<E> implements BatchRunner<E> {
  readonly #db: SqlDatabase;
  readonly #options: BatchRunnerOptions<E>;

  constructor(db: SqlDatabase, options: BatchRunnerOptions<E>) {
    this.#db = db;
    this.#options = options;
  }

  async load(): Promise<Position> {
    await migrate(this.#db, CHECKPOINTS_SCHEMA);
    await makeCheckpoint(this.#db, this.#options.key);
    return this.#db.transaction((tx) => readCheckpoint(tx, this.#options.key));
  }

  run(events: readonly RecordedEvent<E>[], from: Position): Promise<Position> {
    const { key, handlers, signal } = this.#options;
    return this.#db.transaction(async (tx) => {
      const position = await readCheckpoint(tx, key);
      if (position !== from) return position;
      await handleAll(events, handlers, { tx, signal }, () => undefined);
      const last = events.at(-1)!.position;
      await writeCheckpoint(tx, key, last);
      return last;
    });
  }

  reset(): Promise<void> {
    const { key, reset, signal } = this.#options;
    return this.#db.transaction(async (tx) => {
      await readCheckpoint(tx, key);
      await reset?.({ tx, signal });
      await writeCheckpoint(tx, key, undefined);
    });
  }
}

/** At least once. */
export class CheckpointRunner<E> implements BatchRunner<E> {
  readonly #checkpoints: CheckpointStore;
  readonly #options: BatchRunnerOptions<E>;
  readonly #context: ProjectionContext;

  constructor(checkpoints: CheckpointStore, options: BatchRunnerOptions<E>) {
    this.#checkpoints = checkpoints;
    this.#options = options;
    this.#context = {
      signal: options.signal,
      get tx(): SqlTransaction {
        throw new PolymqError(
          'invalid-argument',
          'the checkpoint of this projection is in no database, so there is no transaction: give project(…, { checkpoint: db })',
        );
      },
    };
  }

  load(): Promise<Position> {
    return this.#checkpoints.load(this.#options.key);
  }

  async run(events: readonly RecordedEvent<E>[], from: Position): Promise<Position> {
    let position = from;
    try {
      await handleAll(events, this.#options.handlers, this.#context, (done) => {
        position = done;
      });
    } finally {
      if (position !== from) await this.#checkpoints.save(this.#options.key, position);
    }
    return position;
  }

  async reset(): Promise<void> {
    await this.#options.reset?.(this.#context);
    await this.#checkpoints.save(this.#options.key, undefined);
  }
}

/** `reached` is told the position of every event that is done. */
async function handleAll<E>(
  events: readonly RecordedEvent<E>[],
  handlers: ProjectionHandlers<E>,
  context: ProjectionContext,
  reached: (position: string) => void,
): Promise<void> {
  const byType = handlers as Readonly<
    Record<string, ((event: unknown, context: ProjectionContext) => unknown) | undefined>
  >;
  for (const event of events) {
    const { type, stream, version, position } = event;
    const handler = Object.hasOwn(byType, type) ? byType[type] : byType['*'];
    try {
      if (handler !== undefined) await handler(event, context);
    } catch (error: unknown) {
      throw new HandlerError(error, { type, stream, version });
    }
    reached(position);
  }
}

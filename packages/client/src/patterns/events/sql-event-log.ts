/**
 * Streams of events in PostgreSQL or SQLite, for engines that have none.
 *
 * Versions: `unique (store, stream, version)`, and an append is one transaction, so of two that expect the same version one
 * is stored and the other is a conflict.
 *
 * The order of the whole store: a row that is committed late must not appear behind a place that a reader has passed. On SQLite
 * there is one writer at a time, so ids are committed in their order. On PostgreSQL ids are given out before the commit:
 *
 *   id 1 ── T1 ─────────────────── commit        a reader between the commits would see 2,
 *   id 2 ──── T2 ── commit                       go on behind it, and never see 1
 *
 * So rows carry the number of their transaction, are read in the order (tx, id), and only those of transactions below the oldest one that is
 * still running: no transaction that begins to write later has a lower number. A transaction that stays open for long, whatever it does, delays readers of the whole
 * store, and never makes them skip anything. The append's transaction writes nothing before it has seen its stream's version,
 * so the order holds per stream, too.
 */
import type { EventLogDriver, StoredEvent } from '../../driver/driver.ts';
import { PolymqError } from '../../errors.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { WireMessage } from '../../message/wire-message.ts';
import type { SqlDatabase, SqlQueries, SqlRow, SqlValue } from '../../sql/database.ts';
import { migrate } from '../../sql/migrate.ts';
import { versionConflict } from './memory-event-log.ts';
import { EVENTS_SCHEMA } from './sql-events-schema.ts';

const COLUMNS =
  'store, stream, version, event_id, type, content_type, headers, correlation_id, reply_to, body, at_ms';
const COLUMN_COUNT = 11;
/** SQLite takes 32,766 values in a statement. */
const ROWS_PER_INSERT_MAX = 500;
const EVENTS_PER_APPEND_MAX = 10_000;
/** While it waits, a reader looks so often: at first, and after a while. */
const POLL_MS_MIN = 20;
const POLL_MS_MAX = 500;

export class SqlEventLog implements EventLogDriver {
  readonly #db: SqlDatabase;
  readonly #clock: Clock;
  #ready: Promise<void> | undefined;

  constructor(db: SqlDatabase, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  async append(
    store: string,
    stream: string,
    events: readonly WireMessage[],
    expected: number | undefined,
  ): Promise<{ readonly version: number; readonly position: string }> {
    if (events.length < 1 || events.length > EVENTS_PER_APPEND_MAX) {
      throw new PolymqError(
        'invalid-argument',
        `an append takes 1 to ${EVENTS_PER_APPEND_MAX} events, not ${events.length}`,
      );
    }
    await this.#open();
    for (;;) {
      const outcome = await this.#tryAppend(store, stream, events, expected);
      if (outcome !== undefined) return outcome;
      // Somebody else was faster. Without an expectation the next version will do.
      if (expected !== undefined) break;
    }
    const again = await this.#storedBefore(store, stream, events, expected);
    if (again !== undefined) return again;
    throw versionConflict(stream, expected, await this.#version(this.#db, store, stream));
  }

  async version(store: string, stream: string): Promise<number> {
    await this.#open();
    return this.#version(this.#db, store, stream);
  }

  async readStream(
    store: string,
    stream: string,
    fromVersion: number,
    max: number,
  ): Promise<readonly StoredEvent[]> {
    await this.#open();
    const { rows } = await this.#db.query(
      `select id, tx, ${COLUMNS} from polymq_events
       where store = $1 and stream = $2 and version >= $3 order by version limit ${limitOf(max)}`,
      [store, stream, fromVersion],
    );
    return rows.map(eventOf);
  }

  async readAll(
    store: string,
    after: string | undefined,
    options: { readonly max: number; readonly waitMs: number; readonly signal?: AbortSignal },
  ): Promise<readonly StoredEvent[]> {
    await this.#open();
    const endMs = this.#clock.nowMs() + options.waitMs;
    for (let pollMs = POLL_MS_MIN; ; pollMs = Math.min(POLL_MS_MAX, pollMs * 1.5)) {
      const found = await this.#readNow(store, after, options.max);
      const leftMs = endMs - this.#clock.nowMs();
      if (found.length > 0 || leftMs <= 0 || options.signal?.aborted === true) return found;
      await sleep(this.#clock, Math.min(pollMs, leftMs), options.signal);
    }
  }

  async #readNow(
    store: string,
    after: string | undefined,
    max: number,
  ): Promise<readonly StoredEvent[]> {
    const [tx, id] = readPosition(after);
    const settled =
      this.#db.dialect === 'postgresql'
        ? 'and tx < txid_snapshot_xmin(txid_current_snapshot())'
        : '';
    const { rows } = await this.#db.query(
      `select id, tx, ${COLUMNS} from polymq_events
       where store = $1 and (tx > $2 or (tx = $2 and id > $3)) ${settled}
       order by tx, id limit ${limitOf(max)}`,
      [store, tx, id],
    );
    return rows.map(eventOf);
  }

  /** Undefined: the stream has another version. */
  async #tryAppend(
    store: string,
    stream: string,
    events: readonly WireMessage[],
    expected: number | undefined,
  ): Promise<{ readonly version: number; readonly position: string } | undefined> {
    try {
      return await this.#db.transaction(async (tx) => {
        const version = await this.#version(tx, store, stream);
        if (expected !== undefined && version !== expected) return undefined;
        let position = '';
        for (let at = 0; at < events.length; at += ROWS_PER_INSERT_MAX) {
          const some = events.slice(at, at + ROWS_PER_INSERT_MAX);
          position = await insert(tx, store, stream, some, version + at + 1);
        }
        return { version: version + events.length, position };
      });
    } catch (error: unknown) {
      if (isTaken(error)) return undefined;
      throw error;
    }
  }

  /** An append that is sent again because its answer was lost. */
  async #storedBefore(
    store: string,
    stream: string,
    events: readonly WireMessage[],
    expected: number,
  ): Promise<{ readonly version: number; readonly position: string } | undefined> {
    const there = await this.readStream(store, stream, expected + 1, events.length);
    const same =
      there.length === events.length && there.every(({ id }, at) => id === events[at]!.id);
    if (!same) return undefined;
    return { version: expected + events.length, position: there.at(-1)!.position };
  }

  async #version(db: SqlQueries, store: string, stream: string): Promise<number> {
    const { rows } = await db.query(
      'select max(version) as version from polymq_events where store = $1 and stream = $2',
      [store, stream],
    );
    return Number(rows[0]?.['version'] ?? 0);
  }

  #open(): Promise<void> {
    this.#ready ??= migrate(this.#db, EVENTS_SCHEMA).catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }
}

/** Returns the position of the last one. */
async function insert(
  tx: SqlQueries,
  store: string,
  stream: string,
  events: readonly WireMessage[],
  firstVersion: number,
): Promise<string> {
  const values: SqlValue[] = [];
  const rows = events.map((event, at) => {
    const first = values.length;
    values.push(store, stream, firstVersion + at, event.id, event.type ?? null, event.contentType);
    values.push(JSON.stringify(event.headers), event.correlationId ?? null, event.replyTo ?? null);
    values.push(asBuffer(event.body), event.timestampMs);
    return `(${Array.from({ length: COLUMN_COUNT }, (_, column) => `$${first + column + 1}`).join(', ')})`;
  });
  await tx.query(`insert into polymq_events (${COLUMNS}) values ${rows.join(', ')}`, values);
  const last = await tx.query(
    'select tx, id from polymq_events where store = $1 and stream = $2 and version = $3',
    [store, stream, firstVersion + events.length - 1],
  );
  return positionOf(last.rows[0]!);
}

function eventOf(row: SqlRow): StoredEvent {
  return {
    id: String(row['event_id']),
    body: row['body'] as Uint8Array,
    contentType: String(row['content_type']),
    type: textOf(row['type']),
    headers: JSON.parse(String(row['headers'])),
    timestampMs: Number(row['at_ms']),
    correlationId: textOf(row['correlation_id']),
    replyTo: textOf(row['reply_to']),
    stream: String(row['stream']),
    version: Number(row['version']),
    position: positionOf(row),
  };
}

function positionOf(row: SqlRow): string {
  return `${row['tx']}.${row['id']}`;
}

function readPosition(after: string | undefined): [tx: string, id: string] {
  if (after === undefined) return ['0', '0'];
  const match = /^(\d{1,19})\.(\d{1,19})$/.exec(after);
  if (match !== null) return [match[1]!, match[2]!];
  throw new PolymqError(
    'invalid-argument',
    `${JSON.stringify(after)} is no position in an event store in a database; pass back one that came with an event`,
  );
}

function limitOf(max: number): number {
  return Math.max(0, Math.min(10_000, Math.trunc(max)));
}

function textOf(value: unknown): string | undefined {
  return value === null || value === undefined ? undefined : String(value);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The version was taken by another transaction: `unique_violation`, or what SQLite says of it. */
function isTaken(error: unknown): boolean {
  const { code, message = '' } = error as { code?: unknown; message?: string };
  return code === '23505' || /UNIQUE constraint failed: polymq_events/.test(message);
}

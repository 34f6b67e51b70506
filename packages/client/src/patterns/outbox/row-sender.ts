/**
 * Sends rows of an outbox to their queues and topics, and judges what came of it.
 *
 *   stored, or known already       sent
 *   refused, may pass              later: attempts + 1, with backoff; the rows behind it with the same key wait
 *   refused for good, or too often parked with the error; the rows behind it go on
 *   the place is full or away      no verdict: the place is left alone for a while, its rows stay in their order
 *
 * Messages of one key go to a queue one after the other, since an engine may refuse one message of a batch and store the next;
 * the first of every key make the first batch, the second of every key the next, and so on. Topics store all or none.
 */
import type { Client } from '../../client/client.ts';
import type { Driver, SendOutcome } from '../../driver/driver.ts';
import { type ClientErrorCode, PolymqError, UnsupportedError } from '../../errors.ts';
import type { Clock } from '../../lib/clock.ts';
import { describeError } from '../../lib/describe.ts';
import { within } from '../../lib/within.ts';
import type { OutgoingMessage } from '../../message/wire-message.ts';
import type { RetryPolicy } from '../../queue/retry.ts';
import type { OutboxRow, OutboxTarget } from './outbox-row.ts';
import type { Verdict } from './outbox-table.ts';

/** Together less than the lease of a batch. */
const SEND_TIMEOUT_MS = 10_000;
const BATCH_MS_MAX = 5_000;
const PLACE_PAUSE_MS_MAX = 30_000;
const ERROR_LENGTH_MAX = 500;

/** They say nothing about the message: a later attempt with it is as good as the first. */
const OF_THE_PLACE: ReadonlySet<ClientErrorCode> = new Set([
  'access-refused',
  'closed',
  'declared-otherwise',
  'disconnected',
  'not-found',
  'queue-full',
  'storage-full',
  'timeout',
]);

interface Pause {
  readonly failures: number;
  readonly untilMs: number;
}

export class RowSender {
  readonly #mq: Client;
  readonly #driver: Driver;
  readonly #clock: Clock;
  readonly #retry: RetryPolicy;
  readonly #onError: (error: unknown) => void;
  readonly #pauses = new Map<string, Pause>();

  constructor(options: { mq: Client; retry: RetryPolicy; onError: (error: unknown) => void }) {
    this.#mq = options.mq;
    this.#driver = options.mq.driver;
    this.#clock = options.mq.clock;
    this.#retry = options.retry;
    this.#onError = options.onError;
  }

  /** Places that failed a moment ago: `queue orders`. */
  pausedPlaces(): string[] {
    const nowMs = this.#clock.nowMs();
    const paused: string[] = [];
    for (const [place, { untilMs }] of this.#pauses) if (untilMs > nowMs) paused.push(place);
    return paused;
  }

  /** Never rejects for what an engine says. Rows of paused places and rows not got to have no verdict. */
  async send(rows: readonly OutboxRow[]): Promise<Verdict[]> {
    const places = groupBy(rows, (row) => `${row.kind} ${row.name}`);
    const runs = Array.from(places, ([place, ofPlace]) => this.#sendToPlace(place, ofPlace));
    return (await Promise.all(runs)).flat();
  }

  async #sendToPlace(place: string, rows: readonly OutboxRow[]): Promise<Verdict[]> {
    const run: Run = { verdicts: [], heldKeys: new Set() };
    const endMs = this.#clock.nowMs() + BATCH_MS_MAX;
    const waves = rows[0]!.kind === 'topic' ? [rows] : wavesByKey(rows);
    try {
      for (const wave of waves) {
        if (this.#clock.nowMs() > endMs) break;
        await this.#sendWave(wave, run);
      }
      this.#pauses.delete(place);
    } catch (error) {
      this.#pause(place, error);
    }
    return run.verdicts;
  }

  #pause(place: string, error: unknown): void {
    const failures = (this.#pauses.get(place)?.failures ?? 0) + 1;
    const pauseMs = Math.min(this.#retry.delayMs(failures, error), PLACE_PAUSE_MS_MAX);
    this.#pauses.set(place, { failures, untilMs: this.#clock.nowMs() + pauseMs });
    this.#onError(error);
  }

  /** Rejects with errors of the place. What may have been stored and has no verdict is sent again, with the same id. */
  async #sendWave(rows: readonly OutboxRow[], run: Run): Promise<void> {
    const wave = rows.filter(({ message: { key } }) => key === undefined || !run.heldKeys.has(key));
    if (wave.length === 0) return;
    let outcomes: readonly SendOutcome[] | undefined;
    try {
      outcomes = await this.#toDriver(wave);
    } catch (error) {
      if (isOfThePlace(error)) throw error;
      if (wave.length === 1) return this.#refused(wave[0]!, error, run);
      // One of them may be the reason that all were refused.
      for (const row of wave) await this.#sendWave([row], run);
      return;
    }
    let broken: PolymqError | undefined;
    wave.forEach((row, index) => {
      const outcome = outcomes?.[index] ?? STORED;
      if (!('error' in outcome)) run.verdicts.push({ rowId: row.rowId, outcome: 'sent' });
      else if (isOfThePlace(outcome.error)) broken = outcome.error;
      else this.#refused(row, outcome.error, run);
    });
    if (broken !== undefined) throw broken;
  }

  async #toDriver(wave: readonly OutboxRow[]): Promise<readonly SendOutcome[] | undefined> {
    const target = wave[0]!;
    try {
      return await this.#withinTime(target, this.#call(target, wave));
    } catch (error) {
      if (!(error instanceof PolymqError) || error.code !== 'not-found') throw error;
    }
    // Nobody has declared it yet; `send` would have done that.
    const { kind, name } = target;
    await (kind === 'queue' ? this.#mq.queue(name) : this.#mq.topic(name)).ready();
    return this.#withinTime(target, this.#call(target, wave));
  }

  async #call(
    { kind, name }: OutboxTarget,
    wave: readonly OutboxRow[],
  ): Promise<readonly SendOutcome[] | undefined> {
    const { queues, topics, capabilities, engine } = this.#driver;
    if (kind === 'queue') {
      if (queues === undefined) throw new UnsupportedError(engine, kind, 'connect queues, too');
      const dedupes = capabilities.dedupe !== false;
      const nowMs = this.#clock.nowMs();
      return queues.send(
        name,
        wave.map((row) => forQueue(row, dedupes, nowMs)),
      );
    }
    if (topics === undefined) throw new UnsupportedError(engine, kind, 'connect topics, too');
    await topics.publish(
      name,
      wave.map(({ message }) => message),
    );
    return undefined;
  }

  #withinTime<T>({ kind, name }: OutboxTarget, sending: Promise<T>): Promise<T> {
    return within(sending, SEND_TIMEOUT_MS, this.#clock, () => {
      const text = `${this.#driver.engine} did not answer within ${SEND_TIMEOUT_MS} ms to messages of the outbox for ${kind} "${name}"; they are sent again`;
      return new PolymqError('timeout', text);
    });
  }

  #refused({ rowId, attempts, message }: OutboxRow, error: unknown, run: Run): void {
    const text = describeError(error).message.slice(0, ERROR_LENGTH_MAX);
    const passes = error instanceof PolymqError && error.retryable;
    if (!passes || attempts >= this.#retry.max) {
      run.verdicts.push({ rowId, outcome: 'parked', error: text });
      this.#onError(error);
      return;
    }
    const dueMs = this.#clock.nowMs() + Math.ceil(this.#retry.delayMs(attempts + 1, error));
    run.verdicts.push({ rowId, outcome: 'later', dueMs, error: text });
    if (message.key !== undefined) run.heldKeys.add(message.key);
  }
}

/** What has come of one place's rows so far. */
interface Run {
  readonly verdicts: Verdict[];
  /** One of their rows has to be sent again, and those behind it wait. */
  readonly heldKeys: Set<string>;
}

const STORED: SendOutcome = { duplicate: false };

function isOfThePlace(error: unknown): boolean {
  return error instanceof PolymqError && OF_THE_PLACE.has(error.code);
}

/**
 * As `send` would have sent it when it was added. The dedupe id is the row: where the engine has a window for such ids, a relay that
 * died between sending and deleting leaves no second copy.
 */
function forQueue({ rowId, message }: OutboxRow, dedupes: boolean, nowMs: number): OutgoingMessage {
  const { id, dedupe, delayMs, timestampMs } = message;
  return {
    ...message,
    dedupe: dedupe ?? (dedupes ? `${id}/${rowId}` : undefined),
    delayMs: delayMs === undefined ? undefined : Math.max(0, timestampMs + delayMs - nowMs),
  };
}

/** The first of every key and all without a key, then the second of every key, and so on. */
function wavesByKey(rows: readonly OutboxRow[]): OutboxRow[][] {
  const waves: OutboxRow[][] = [];
  const counts = new Map<string, number>();
  for (const row of rows) {
    const { key } = row.message;
    const index = key === undefined ? 0 : (counts.get(key) ?? 0);
    if (key !== undefined) counts.set(key, index + 1);
    waves[index] ??= [];
    waves[index].push(row);
  }
  return waves;
}

function groupBy<T>(all: readonly T[], keyOf: (each: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const each of all) {
    const key = keyOf(each);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [each]);
    else group.push(each);
  }
  return groups;
}

/**
 * Copies the records of a topic into a queue, for one member of the binding's group. It commits what the queue has, and
 * sends again what it has not:
 *
 *   chunk of a partition ─► slices ─► send ─┬─ stored ─────────────────────────► commit up to the first one that is not
 *                                           ├─ refused for what it is ─► dead letter, or skipped and reported
 *                                           └─ anything else ─► only those again, after a growing wait, until it passes
 *
 * A queue that is gone, or forbidden, holds the records back too: they stay in the topic, and are copied when it is there again.
 *
 * Always so: of a partition one chunk is worked on at a time, and nothing is kept beyond it; whoever waits here holds up its own partition
 * only; after `revoked` has resolved nothing is committed for what was begun before, for the partition is somebody else's. A
 * copy may be doubled, when nobody knows whether it was stored or the process ends before the commit; none is lost.
 */
import { PolymqError } from '../../errors.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import { reasonText } from '../../lib/describe.ts';
import { attemptError, errorsIn, withError } from '../../message/attempts.ts';
import { HEADER } from '../../message/headers.ts';
import { WireFacts } from '../../message/wire-facts.ts';
import type { TopicRecord, WireMessage } from '../../message/wire-message.ts';
import type { ProduceOutcome } from './producer.ts';

export interface CopyParts {
  readonly topic: string;
  readonly queue: string;
  readonly clock: Clock;
  /** Never rejects. */
  send(queue: string, messages: readonly WireMessage[]): Promise<readonly ProduceOutcome[]>;
  /** Where the queue's dead letters go; undefined: nowhere. */
  deadLetterOf(queue: string): Promise<string | undefined>;
  /** Everything before `offset` is done. */
  commit(partition: number, offset: number): void;
  report(error: PolymqError): void;
}

/** Between commits: so many are copied twice at most when the process ends without a word. */
const SLICE_RECORDS_MAX = 500;
const SLICE_BYTES_MAX = 256 * 1024;
const RETRY_MS = { first: 100, longest: 10_000 } as const;
/** How long the group waits for copies under way before a partition goes to another member. */
const HAND_OVER_MS = 5_000;
/** An engine that answers with an error of no known kind is asked so often: over half a minute. */
const TRIES_MAX = 10;

/** What is done about a failure: a record that can never be stored must not hold up those behind it. */
type Verdict = 'wait' | 'try' | 'bury';

/** Work on one chunk of a partition. */
interface Run {
  readonly stop: AbortController;
  done: Promise<void>;
  /** The partition is not ours any more. */
  lost: boolean;
}

interface Failure {
  readonly record: TopicRecord;
  readonly error: PolymqError;
}

export class QueueCopies {
  readonly #parts: CopyParts;
  readonly #runs = new Map<number, Run>();
  #closed = false;
  #skipped = 0;
  #reportAt = 1;
  /** Partitions whose copies cannot be stored now. It is told of the first one. */
  readonly #failing = new Set<number>();

  constructor(parts: CopyParts) {
    this.#parts = parts;
  }

  /** Records of one partition, in order. Resolves when they are done with, or the partition was revoked. Never rejects. */
  copy(records: readonly TopicRecord[]): Promise<void> {
    if (this.#closed) return Promise.resolve();
    const { partition } = records[0]!;
    const run: Run = { stop: new AbortController(), done: Promise.resolve(), lost: false };
    this.#runs.set(partition, run);
    run.done = this.#run(run, records).finally(() => {
      if (this.#runs.get(partition) !== run) return;
      this.#runs.delete(partition);
      this.#failing.delete(partition);
    });
    return run.done;
  }

  /** Resolves when what is under way is stored and committed, or after a moment. */
  async revoked(partitions: readonly number[]): Promise<void> {
    const runs = partitions.flatMap((partition) => this.#runs.get(partition) ?? []);
    for (const { stop } of runs) stop.abort();
    const over = new AbortController();
    await Promise.race([
      Promise.all(runs.map(({ done }) => done)),
      sleep(this.#parts.clock, HAND_OVER_MS, over.signal),
    ]);
    over.abort();
    for (const run of runs) run.lost = true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.revoked([...this.#runs.keys()]);
  }

  async #run(run: Run, records: readonly TopicRecord[]): Promise<void> {
    for (const slice of slicesOf(records)) {
      await this.#copySlice(run, slice);
      if (run.stop.signal.aborted) return;
    }
  }

  async #copySlice(run: Run, slice: readonly TopicRecord[]): Promise<void> {
    const { signal } = run.stop;
    const last = slice.at(-1)!;
    let open = slice;
    let delayMs: number = RETRY_MS.first;
    for (let tries = 1; ; tries += 1) {
      const failures = await this.#attempt(open, tries);
      const next = failures[0]?.record.offset ?? last.offset + 1;
      if (next > slice[0]!.offset) this.#commit(run, last.partition, next);
      if (failures.length === 0) {
        this.#failing.delete(last.partition);
        return;
      }
      if (signal.aborted) return;
      this.#tell(failures[0]!);
      await sleep(this.#parts.clock, delayMs, signal);
      if (signal.aborted) return;
      delayMs = Math.min(2 * delayMs, RETRY_MS.longest);
      open = failures.map(({ record }) => record);
    }
  }

  /** Answers what has to be sent again. */
  async #attempt(records: readonly TopicRecord[], tries: number): Promise<Failure[]> {
    const outcomes = await this.#parts.send(this.#parts.queue, records);
    const again: Failure[] = [];
    for (const [at, outcome] of outcomes.entries()) {
      if (!(outcome instanceof PolymqError)) continue;
      const failure = { record: records[at]!, error: outcome };
      const verdict = verdictOn(outcome);
      const isHopeless = verdict === 'bury' || (verdict === 'try' && tries >= TRIES_MAX);
      if (!isHopeless || !(await this.#bury(failure, tries))) again.push(failure);
    }
    return again;
  }

  /** Whether the record is done with: stored as a dead letter, or skipped because there is no place for it. */
  async #bury({ record, error }: Failure, tries: number): Promise<boolean> {
    const { queue, clock } = this.#parts;
    let deadLetter: string | undefined;
    try {
      deadLetter = await this.#parts.deadLetterOf(queue);
    } catch {
      return false;
    }
    if (deadLetter === undefined) {
      this.#skip(record, error, 'the queue has no dead letters');
      return true;
    }
    const letter = letterOf(record, { queue, error, tries, nowMs: clock.nowMs() });
    const [outcome] = await this.#parts.send(deadLetter, [letter]);
    if (!(outcome instanceof PolymqError)) return true;
    if (verdictOn(outcome) !== 'bury') return false;
    this.#skip(record, error, `neither does "${deadLetter}"`);
    return true;
  }

  #commit(run: Run, partition: number, offset: number): void {
    if (!run.lost) this.#parts.commit(partition, offset);
  }

  /** Once, until all partitions can be copied again. */
  #tell({ record, error }: Failure): void {
    const isFirst = this.#failing.size === 0;
    this.#failing.add(record.partition);
    if (!isFirst) return;
    const { topic, queue } = this.#parts;
    this.#parts.report(
      new PolymqError(
        error.code,
        `records of topic "${topic}" cannot be copied into queue "${queue}" now, and wait in the topic until they can: ${error.message}`,
        { cause: error },
      ),
    );
  }

  /** Told of the first, the second, the fourth …: a whole topic may be like that. */
  #skip({ partition, offset, id }: TopicRecord, error: PolymqError, why: string): void {
    this.#skipped += 1;
    if (this.#skipped < this.#reportAt) return;
    this.#reportAt *= 2;
    const { topic, queue } = this.#parts;
    this.#parts.report(
      new PolymqError(
        error.code,
        `queue "${queue}" does not take message ${id} of topic "${topic}", and ${why}: it is skipped, and stays in the topic (partition ${partition}, offset ${offset}); ${this.#skipped} so far: ${error.message}`,
        { cause: error },
      ),
    );
  }
}

function verdictOn({ code, retryable }: PolymqError): Verdict {
  if (code === 'engine-failed') return 'try';
  return retryable || code === 'not-found' || code === 'access-refused' || code === 'closed'
    ? 'wait'
    : 'bury';
}

function letterOf(
  record: TopicRecord,
  death: { queue: string; error: PolymqError; tries: number; nowMs: number },
): WireMessage {
  const { queue, error, tries, nowMs } = death;
  const errors = withError(errorsIn(record.headers), attemptError(error, nowMs));
  return new WireFacts(record, {
    ...record.headers,
    [HEADER.attempts]: String(tries),
    [HEADER.errors]: JSON.stringify(errors),
    [HEADER.deadQueue]: queue,
    [HEADER.deadReason]: reasonText(error),
    [HEADER.deadAt]: String(nowMs),
  });
}

function* slicesOf(records: readonly TopicRecord[]): Generator<readonly TopicRecord[]> {
  let from = 0;
  let bytes = 0;
  for (const [at, { body }] of records.entries()) {
    if (at > from && (at - from >= SLICE_RECORDS_MAX || bytes + body.length > SLICE_BYTES_MAX)) {
      yield records.slice(from, at);
      from = at;
      bytes = 0;
    }
    bytes += body.length;
  }
  yield records.slice(from);
}

/**
 * What clients did and saw during a run, in the order in which the harness saw it.
 *
 * Every operation is recorded twice: when it is invoked and when it ends, as `ok` (acknowledged), `fail`
 * (it certainly did not happen) or `info` (nobody knows: a timeout, a broken connection). An operation that
 * never ended counts as `info`. Times are positions in the history, not clock readings, so
 * "A ended before B began" is exact.
 *
 * Words are those of the core: a log is one ordered sequence of values (a Kafka partition, later a
 * queue); a value is unique over the whole run.
 */

import { QueueHistory } from './queue-history.ts';

export type Outcome = 'ok' | 'fail' | 'info';

/** One value that a producer handed over. */
export interface Send {
  value: string;
  /**
   * One sequential stream of sends: the producer began each send only after the one before had ended, or sent
   * both in one request in this order. Concurrent streams have different names.
   */
  producer: string;
  log: string;
  /** The producer promises that a retry stores nothing twice. */
  idempotent: boolean;
  invokedAt: number;
  /** Infinity while it is not known, and for `info`. */
  endedAt: number;
  outcome: Outcome;
  /** Where the broker said it is, if it said. */
  offset: number | undefined;
  error?: string | undefined;
}

/** One value that a reader was given. */
export interface Read {
  /** One reading session: offsets go up within it. A reader that starts again has another name. */
  reader: string;
  log: string;
  offset: number;
  value: string;
}

/** All that a log held at the very end, read from its start to its end. */
export interface Drain {
  log: string;
  startOffset: number;
  endOffset: number;
  offsets: number[];
  values: string[];
}

/** A group's attempt to store its position. */
export interface Commit {
  group: string;
  log: string;
  offset: number;
  invokedAt: number;
  endedAt: number;
  outcome: Outcome;
}

/** What the broker said a group's position is; -1 for none. */
export interface Observation {
  group: string;
  log: string;
  offset: number;
  invokedAt: number;
  endedAt: number;
}

export class History {
  readonly sends: Send[] = [];
  readonly reads: Read[] = [];
  readonly drains: Drain[] = [];
  readonly commits: Commit[] = [];
  readonly observations: Observation[] = [];
  readonly queues: QueueHistory = new QueueHistory({
    tick: () => this.#tick(),
    write: (line) => this.#write?.(line),
  });
  #now = 0;
  readonly #write: ((line: object) => void) | undefined;

  /** `write` gets every event as a plain object, for a file that outlives this process. */
  constructor(write?: (line: object) => void) {
    this.#write = write;
  }

  /** Operations of all kinds. */
  get size(): number {
    const drained = this.drains.reduce((sum, drain) => sum + drain.offsets.length, 0);
    const { sends, reads, commits, observations } = this;
    const logs = sends.length + reads.length + commits.length + observations.length + drained;
    return logs + this.queues.size;
  }

  send(what: Pick<Send, 'value' | 'producer' | 'log' | 'idempotent'>): Send {
    const send: Send = {
      ...what,
      invokedAt: this.#tick(),
      endedAt: Number.POSITIVE_INFINITY,
      outcome: 'info',
      offset: undefined,
    };
    this.#write?.({ type: 'send', ...what, at: send.invokedAt });
    this.sends.push(send);
    return send;
  }

  sent(send: Send, outcome: Outcome, result: { offset?: number; error?: string } = {}): void {
    const at = this.#tick();
    send.outcome = outcome;
    send.endedAt = outcome === 'info' ? Number.POSITIVE_INFINITY : at;
    send.offset = result.offset !== undefined && result.offset >= 0 ? result.offset : undefined;
    send.error = result.error;
    this.#write?.({ type: 'sent', value: send.value, outcome, ...result, at });
  }

  read(read: Read): void {
    this.#tick();
    this.#write?.({ type: 'read', ...read });
    this.reads.push(read);
  }

  commit(what: Pick<Commit, 'group' | 'log' | 'offset'>): Commit {
    const commit: Commit = {
      ...what,
      invokedAt: this.#tick(),
      endedAt: Number.POSITIVE_INFINITY,
      outcome: 'info',
    };
    this.#write?.({ type: 'commit', ...what, at: commit.invokedAt });
    this.commits.push(commit);
    return commit;
  }

  committed(commit: Commit, outcome: Outcome, error?: string): void {
    const at = this.#tick();
    commit.outcome = outcome;
    commit.endedAt = outcome === 'info' ? Number.POSITIVE_INFINITY : at;
    this.#write?.({ type: 'committed', began: commit.invokedAt, outcome, error, at });
  }

  /** Asks for the time at which an observation begins, to be given to `observed`. */
  begin(): number {
    return this.#tick();
  }

  observed(what: Pick<Observation, 'group' | 'log' | 'offset' | 'invokedAt'>): void {
    const observation = { ...what, endedAt: this.#tick() };
    this.#write?.({ type: 'observed', ...observation });
    this.observations.push(observation);
  }

  drained(drain: Drain): void {
    this.#write?.({ type: 'drained', ...drain });
    this.drains.push(drain);
  }

  #tick(): number {
    this.#now += 1;
    return this.#now;
  }
}

/** Rebuilds a history from the lines that were written of it. */
export function replay(lines: Iterable<object>): History {
  const history = new History();
  const sends = new Map<string, Send>();
  const commits = new Map<number, Commit>();
  const replayQueues = history.queues.replayer();
  for (const line of lines as Iterable<Recorded>) {
    if (replayQueues(line)) continue;
    if (line.type === 'send') {
      const send: Send = { ...line, invokedAt: line.at, ...UNKNOWN, offset: undefined };
      sends.set(send.value, send);
      history.sends.push(send);
    } else if (line.type === 'sent') {
      const { outcome, offset, error } = line;
      const known = offset !== undefined && offset >= 0 ? offset : undefined;
      Object.assign(sends.get(line.value)!, {
        outcome,
        endedAt: endOf(line),
        offset: known,
        error,
      });
    } else if (line.type === 'commit') {
      const commit: Commit = { ...line, invokedAt: line.at, ...UNKNOWN };
      commits.set(line.at, commit);
      history.commits.push(commit);
    } else if (line.type === 'committed') {
      Object.assign(commits.get(line.began)!, { outcome: line.outcome, endedAt: endOf(line) });
    } else if (line.type === 'read') history.reads.push(line);
    else if (line.type === 'observed') history.observations.push(line);
    else history.drains.push(line);
  }
  return history;
}

const UNKNOWN = { endedAt: Number.POSITIVE_INFINITY, outcome: 'info' as const };

type Recorded =
  | ({ type: 'send'; at: number } & Pick<Send, 'value' | 'producer' | 'log' | 'idempotent'>)
  | { type: 'sent'; at: number; value: string; outcome: Outcome; offset?: number; error?: string }
  | ({ type: 'commit'; at: number } & Pick<Commit, 'group' | 'log' | 'offset'>)
  | { type: 'committed'; at: number; began: number; outcome: Outcome }
  | ({ type: 'read' } & Read)
  | ({ type: 'observed' } & Observation)
  | ({ type: 'drained' } & Drain);

function endOf(line: { outcome: Outcome; at: number }): number {
  return line.outcome === 'info' ? Number.POSITIVE_INFINITY : line.at;
}

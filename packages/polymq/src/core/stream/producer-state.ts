/**
 * What a partition remembers of idempotent producers (KIP-98, KIP-360), so that a batch sent twice
 * is stored once and a gap is noticed.
 *
 * Per producer id: its epoch and its last five batches. A batch whose epoch and sequence range
 * equal a remembered one is a duplicate. Otherwise it must continue where the last one ended;
 * sequences go from 2^31 - 1 on to 0. A higher epoch starts again at 0, a lower one is refused. Of
 * a producer that is not known (never seen, or expired) any sequence is taken, as Kafka does since
 * 2.5.
 *
 * A producer's state is immutable and replaced by each batch. What is appended but not yet
 * committed keeps the state before it in `#inFlight`, so that `rollBack` can undo batches that the
 * log had no room for.
 *
 * All of it is a cache of the log: a snapshot plus the batch headers after it give the same state
 * again.
 */
import { BrokerError } from '../errors.ts';

/** What a batch header says about its producer, and where the log put it. */
export interface ProducerBatch {
  producerId: number;
  epoch: number;
  firstSequence: number;
  recordCount: number;
}

/** A batch that is remembered. Offsets and sequences are inclusive, except `endOffset`. */
export interface RememberedBatch {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly baseOffset: number;
  readonly endOffset: number;
}

export interface ProducerState {
  readonly epoch: number;
  /** When it was last heard of. */
  readonly seenMs: number;
  /** Oldest first, one to five. */
  readonly batches: readonly RememberedBatch[];
}

/** How many producers all partitions together remember. Shared by the partitions of a broker. */
export interface ProducerBudget {
  count: number;
  readonly countMax: number;
}

interface InFlight {
  producerId: number;
  endOffset: number;
  before: ProducerState | undefined;
}

/** KIP-98: as many as a producer may have in flight. */
const BATCHES_REMEMBERED = 5;
const SEQUENCES = 2 ** 31;

export class ProducerTable {
  readonly #states = new Map<number, ProducerState>();
  #inFlight: InFlight[] = [];
  readonly #budget: ProducerBudget;

  constructor(budget: ProducerBudget) {
    this.#budget = budget;
  }

  get count(): number {
    return this.#states.size;
  }

  /**
   * Decides on a batch before it is appended. Returns the remembered batch if this one is a
   * duplicate of it, undefined if it may be appended. Throws `stale-producer-epoch` and
   * `out-of-order-sequence`.
   */
  check(batch: ProducerBatch): RememberedBatch | undefined {
    const state = this.#states.get(batch.producerId);
    if (state === undefined) return undefined;
    if (batch.epoch === state.epoch) {
      const duplicate = findDuplicate(state, batch);
      if (duplicate !== undefined) return duplicate;
      const expected = followingSequence(state);
      if (batch.firstSequence !== expected) throw outOfOrder(batch, expected);
      return undefined;
    }
    if (batch.epoch < state.epoch) {
      throw new BrokerError(
        'stale-producer-epoch',
        `producer ${batch.producerId} has epoch ${state.epoch} now; ${batch.epoch} is over`,
      );
    }
    if (batch.firstSequence !== 0) throw outOfOrder(batch, 0);
    return undefined;
  }

  /** Remembers a batch that the log has taken at `baseOffset` but not committed yet. */
  record(batch: ProducerBatch, baseOffset: number, nowMs: number): void {
    const endOffset = baseOffset + batch.recordCount;
    const { producerId } = batch;
    this.#inFlight.push({ producerId, endOffset, before: this.#states.get(producerId) });
    this.restore(batch, baseOffset, nowMs);
  }

  /** Remembers a batch that is committed: from a scan of the log. */
  restore(batch: ProducerBatch, baseOffset: number, seenMs: number): void {
    const before = this.#states.get(batch.producerId);
    const known = before !== undefined && before.epoch === batch.epoch ? before.batches : [];
    const kept = known.length < BATCHES_REMEMBERED ? known : known.slice(1);
    const remembered: RememberedBatch = {
      firstSequence: batch.firstSequence,
      lastSequence: addSequence(batch.firstSequence, batch.recordCount - 1),
      baseOffset,
      endOffset: baseOffset + batch.recordCount,
    };
    this.set(batch.producerId, { epoch: batch.epoch, seenMs, batches: [...kept, remembered] });
  }

  /** Everything below `offset` is committed: it can no longer be undone. */
  settle(offset: number): void {
    let settled = 0;
    while (settled < this.#inFlight.length && this.#inFlight[settled]!.endOffset <= offset) {
      settled++;
    }
    if (settled > 0) this.#inFlight.splice(0, settled);
  }

  /** The log's tail has gone back to `tail`, because it could not write what was beyond. */
  rollBack(tail: number): void {
    for (let lost = this.#inFlight.at(-1); lost !== undefined; lost = this.#inFlight.at(-1)) {
      if (lost.endOffset <= tail) return;
      this.#inFlight.pop();
      if (lost.before === undefined) this.#forget(lost.producerId);
      else this.set(lost.producerId, lost.before);
    }
  }

  /** Forgets producers that were last heard of before `seenMs`. */
  expire(seenMs: number): void {
    for (const [producerId, state] of this.#states) {
      if (state.seenMs < seenMs) this.#forget(producerId);
    }
  }

  set(producerId: number, state: ProducerState): void {
    if (!this.#states.has(producerId)) {
      if (this.#budget.count >= this.#budget.countMax) this.#forgetOldest();
      this.#budget.count++;
    }
    this.#states.set(producerId, state);
  }

  /** Gives back its part of the budget; the table must not be used any more. */
  clear(): void {
    this.#budget.count -= this.#states.size;
    this.#states.clear();
    this.#inFlight = [];
  }

  entries(): IterableIterator<[number, ProducerState]> {
    return this.#states.entries();
  }

  #forget(producerId: number): void {
    if (this.#states.delete(producerId)) this.#budget.count--;
  }

  /** Makes room for a tenth of what is here, so that it is not done again for each new producer. */
  #forgetOldest(): void {
    const oldest = [...this.#states].sort(([, a], [, b]) => a.seenMs - b.seenMs);
    for (const [producerId] of oldest.slice(0, Math.ceil(oldest.length / 10))) {
      this.#forget(producerId);
    }
  }
}

/** Sequences live in `[0, 2^31)` and wrap around. */
export function addSequence(sequence: number, count: number): number {
  return (sequence + count) % SEQUENCES;
}

function followingSequence(state: ProducerState): number {
  return addSequence(state.batches.at(-1)!.lastSequence, 1);
}

function findDuplicate(state: ProducerState, batch: ProducerBatch): RememberedBatch | undefined {
  const lastSequence = addSequence(batch.firstSequence, batch.recordCount - 1);
  for (const known of state.batches) {
    if (known.firstSequence === batch.firstSequence && known.lastSequence === lastSequence) {
      return known;
    }
  }
  return undefined;
}

function outOfOrder(batch: ProducerBatch, expected: number): BrokerError {
  return new BrokerError(
    'out-of-order-sequence',
    `producer ${batch.producerId} sent sequence ${batch.firstSequence}; ${expected} is next`,
  );
}

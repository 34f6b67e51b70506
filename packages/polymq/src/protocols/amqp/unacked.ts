/**
 * Deliveries of one channel that await an answer, by delivery tag.
 *
 * Tags are consecutive, so they are positions in a ring: `slot = tag & mask`. Most are answered in order, and the
 * ring only moves on; one that stays keeps its place and the ring grows around it.
 *
 *   ──┬────────┬───────────────────────┬──
 *     │ oldest │ open or answered …    │ next
 */
import type { Queue } from '../../core/queue/queue.ts';

const CAPACITY_MIN = 16;
const ANSWERED = -1;

export class Unacked<Owner> {
  /** The first tag that may be open. */
  oldest = 1;
  /** The tag that the next delivery gets. */
  next = 1;
  /** Deliveries that await an answer. */
  count = 0;
  /** Results of `take`, valid until the next call. */
  queue: Queue | undefined;
  owner: Owner | undefined;
  #mask = CAPACITY_MIN - 1;
  #rows: Int32Array = new Int32Array(CAPACITY_MIN).fill(ANSWERED);
  #times: Float64Array = new Float64Array(CAPACITY_MIN);
  #queues: (Queue | undefined)[] = new Array(CAPACITY_MIN).fill(undefined);
  #owners: (Owner | undefined)[] = new Array(CAPACITY_MIN).fill(undefined);

  /** Gives the delivery a tag. `owner`: whose prefetch it counts against. */
  add(queue: Queue | undefined, row: number, owner: Owner | undefined, nowMs: number): number {
    const tag = this.next;
    if (tag - this.oldest > this.#mask) this.#grow();
    const slot = tag & this.#mask;
    this.#rows[slot] = row;
    this.#times[slot] = nowMs;
    this.#queues[slot] = queue;
    this.#owners[slot] = owner;
    this.next = tag + 1;
    this.count += 1;
    return tag;
  }

  /** A tag for a delivery that needs no answer. */
  skip(): number {
    if (this.count > 0) {
      if (this.next - this.oldest > this.#mask) this.#grow();
      this.#rows[this.next & this.#mask] = ANSWERED;
    } else this.oldest = this.next + 1;
    return this.next++;
  }

  has(tag: number): boolean {
    return tag >= this.oldest && tag < this.next && this.#rows[tag & this.#mask] !== ANSWERED;
  }

  /** Takes the row of an open delivery out, and says in `queue` and `owner` whose it is; -1 if it is not open. */
  take(tag: number): number {
    if (tag < this.oldest || tag >= this.next) return ANSWERED;
    const slot = tag & this.#mask;
    const row = this.#rows[slot]!;
    if (row === ANSWERED) return ANSWERED;
    this.queue = this.#queues[slot];
    this.owner = this.#owners[slot];
    this.#rows[slot] = ANSWERED;
    this.#queues[slot] = undefined;
    this.#owners[slot] = undefined;
    this.count -= 1;
    if (tag === this.oldest) this.#advance();
    return row;
  }

  /** Takes back a `take`: the delivery awaits an answer again, under its old tag. */
  restore(tag: number, queue: Queue | undefined, row: number, owner: Owner | undefined): void {
    while (this.next - tag > this.#mask + 1) this.#grow();
    // Tags between it and the oldest were answered, but their slots may hold what the ring had before it grew.
    for (let at = tag + 1; at < this.oldest; at++) this.#rows[at & this.#mask] = ANSWERED;
    if (tag < this.oldest) this.oldest = tag;
    const slot = tag & this.#mask;
    this.#rows[slot] = row;
    this.#queues[slot] = queue;
    this.#owners[slot] = owner;
    this.count += 1;
  }

  /** When the oldest open delivery was made; undefined if there is none. */
  oldestTime(): { tag: number; timeMs: number; queue: Queue | undefined } | undefined {
    if (this.count === 0) return undefined;
    const slot = this.oldest & this.#mask;
    return { tag: this.oldest, timeMs: this.#times[slot]!, queue: this.#queues[slot] };
  }

  #advance(): void {
    let tag = this.oldest + 1;
    if (this.count === 0) tag = this.next;
    else while (tag < this.next && this.#rows[tag & this.#mask] === ANSWERED) tag += 1;
    this.oldest = tag;
  }

  #grow(): void {
    const capacity = (this.#mask + 1) * 2;
    const rows = new Int32Array(capacity).fill(ANSWERED);
    const times = new Float64Array(capacity);
    const queues = new Array<Queue | undefined>(capacity).fill(undefined);
    const owners = new Array<Owner | undefined>(capacity).fill(undefined);
    for (let tag = this.oldest; tag < this.next; tag++) {
      const from = tag & this.#mask;
      const to = tag & (capacity - 1);
      rows[to] = this.#rows[from]!;
      times[to] = this.#times[from]!;
      queues[to] = this.#queues[from];
      owners[to] = this.#owners[from];
    }
    this.#rows = rows;
    this.#times = times;
    this.#queues = queues;
    this.#owners = owners;
    this.#mask = capacity - 1;
  }
}

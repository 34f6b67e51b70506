/**
 * The sparse index of one segment: where to start looking for an offset or a timestamp.
 *
 * An entry stands for a stretch of the segment from its position to that of the next entry: offset and
 * position of the stretch's first batch, and the largest timestamp in it. A stretch is at least
 * `interval` bytes. When there are too many entries, neighbours are merged and the interval doubles: the
 * index of a segment never takes more than about 100 KiB, however large the segment.
 *
 * For a log that was opened again, the index of the active segment covers what was appended since
 * (`from`); what lies before is loaded from the file beside the segment when somebody needs it.
 */
import { lastAtOrBelow } from '../search.ts';

const INTERVAL_BYTES_MIN = 64 * 1024;
const ENTRIES_MAX = 4096;

export class SegmentIndex {
  /** Positions below this are not covered yet. */
  from = 0;
  #offsets: number[] = [];
  #positions: number[] = [];
  #maxTimestamps: number[] = [];
  #intervalBytes = INTERVAL_BYTES_MIN;

  get count(): number {
    return this.#offsets.length;
  }

  offsetAt(entry: number): number {
    return this.#offsets[entry]!;
  }

  positionAt(entry: number): number {
    return this.#positions[entry]!;
  }

  maxTimestampAt(entry: number): number {
    return this.#maxTimestamps[entry]!;
  }

  /** Takes note of a batch. Batches come in the order of their positions. */
  add(offset: number, position: number, maxTimestampMs: number): void {
    const last = this.#positions.length - 1;
    if (last >= 0 && position - this.#positions[last]! < this.#intervalBytes) {
      if (maxTimestampMs > this.#maxTimestamps[last]!) this.#maxTimestamps[last] = maxTimestampMs;
      return;
    }
    if (last + 1 >= ENTRIES_MAX) {
      this.#merge();
      this.add(offset, position, maxTimestampMs);
      return;
    }
    this.push(offset, position, maxTimestampMs);
  }

  /** Adds an entry as it is, from a file. */
  push(offset: number, position: number, maxTimestampMs: number): void {
    this.#offsets.push(offset);
    this.#positions.push(position);
    this.#maxTimestamps.push(maxTimestampMs);
  }

  /** The entry to start from for `offset`. Undefined if the index is empty. */
  find(offset: number): number | undefined {
    if (this.#offsets.length === 0) return undefined;
    return lastAtOrBelow(this.#offsets.length, (entry) => this.#offsets[entry]!, offset);
  }

  /** Puts the entries of `earlier`, which end at `this.from`, before these. */
  prepend(earlier: SegmentIndex): void {
    this.#offsets = earlier.#offsets.concat(this.#offsets);
    this.#positions = earlier.#positions.concat(this.#positions);
    this.#maxTimestamps = earlier.#maxTimestamps.concat(this.#maxTimestamps);
    this.#intervalBytes = Math.max(this.#intervalBytes, earlier.#intervalBytes);
    this.from = earlier.from;
    while (this.#offsets.length > ENTRIES_MAX) this.#merge();
  }

  /** Forgets what lies at or behind `position`. */
  truncate(position: number): void {
    let count = this.#positions.length;
    while (count > 0 && this.#positions[count - 1]! >= position) count--;
    this.#offsets.length = count;
    this.#positions.length = count;
    this.#maxTimestamps.length = count;
  }

  /** Forgets everything below `position`: it can be loaded again. */
  drop(position: number): void {
    this.truncate(0);
    this.from = position;
  }

  #merge(): void {
    let to = 0;
    for (let from = 0; from < this.#offsets.length; from += 2, to++) {
      this.#offsets[to] = this.#offsets[from]!;
      this.#positions[to] = this.#positions[from]!;
      this.#maxTimestamps[to] = Math.max(
        this.#maxTimestamps[from]!,
        this.#maxTimestamps[from + 1] ?? -1,
      );
    }
    this.#offsets.length = to;
    this.#positions.length = to;
    this.#maxTimestamps.length = to;
    this.#intervalBytes *= 2;
  }
}

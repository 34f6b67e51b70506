/**
 * The damaged ranges of one log: found by recovery or by reading, recorded durably, never served.
 */
export interface DamagedRange {
  /** Offsets `[start, end)` are lost. Equal if only bytes between two batches are foreign. */
  start: number;
  end: number;
  /** Where the bytes lie: segment and positions `[position, endPosition)`. */
  segmentBase: number;
  position: number;
  endPosition: number;
}

export class DamageList {
  #ranges: DamagedRange[] = [];

  get count(): number {
    return this.#ranges.length;
  }

  add(range: DamagedRange): void {
    this.#ranges.push(range);
    this.#ranges.sort((a, b) => a.start - b.start || a.position - b.position);
  }

  /** The range that `offset` lies in. */
  find(offset: number): DamagedRange | undefined {
    if (this.#ranges.length === 0) return undefined;
    return this.#ranges.find(({ start, end }) => start <= offset && offset < end);
  }

  /** The first range of a segment that ends behind `position`. */
  from(segmentBase: number, position: number): DamagedRange | undefined {
    if (this.#ranges.length === 0) return undefined;
    return this.#ranges.find(
      (range) => range.segmentBase === segmentBase && range.endPosition > position,
    );
  }

  /** Forgets what lies below the start of the log. Returns what was forgotten. */
  trim(start: number): DamagedRange[] {
    if (this.#ranges.length === 0) return [];
    const gone = this.#ranges.filter(({ end }) => end <= start);
    this.#ranges = this.#ranges.filter(({ end }) => end > start);
    return gone;
  }
}

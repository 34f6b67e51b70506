/**
 * Byte ranges that have passed their checksums, as sorted disjoint intervals. Sequential reading keeps
 * it at one interval; beyond the limit the shortest memory is to forget, which only costs a second check.
 */
const INTERVALS_MAX = 256;

export class VerifiedRanges {
  /** start, end, start, end … */
  #bounds: number[] = [];

  covers(start: number, end: number): boolean {
    const bounds = this.#bounds;
    for (let i = bounds.length - 2; i >= 0; i -= 2) {
      if (bounds[i]! <= start) return end <= bounds[i + 1]!;
    }
    return false;
  }

  add(start: number, end: number): void {
    if (end <= start) return;
    const bounds = this.#bounds;
    const last = bounds.length - 1;
    if (last > 0 && start === bounds[last]!) {
      bounds[last] = end;
      return;
    }
    let from = start;
    let to = end;
    const kept: number[] = [];
    let placed = false;
    for (let i = 0; i < bounds.length; i += 2) {
      const otherStart = bounds[i]!;
      const otherEnd = bounds[i + 1]!;
      if (otherEnd < from) kept.push(otherStart, otherEnd);
      else if (otherStart > to) {
        if (!placed) kept.push(from, to);
        placed = true;
        kept.push(otherStart, otherEnd);
      } else {
        from = Math.min(from, otherStart);
        to = Math.max(to, otherEnd);
      }
    }
    if (!placed) kept.push(from, to);
    this.#bounds = kept.length > 2 * INTERVALS_MAX ? [from, to] : kept;
  }

  clear(): void {
    this.#bounds = [];
  }
}

/** The middle value; the mean of the two middle ones for an even count. NaN of nothing. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export interface LatencySummary {
  count: number;
  p50Ms: number;
  p99Ms: number;
  p999Ms: number;
  maxMs: number;
}

/** Figure by figure. */
export function medianLatency(runs: readonly { latency: LatencySummary }[]): LatencySummary {
  const of = (read: (latency: LatencySummary) => number) =>
    median(runs.map(({ latency }) => read(latency)));
  return {
    count: of(({ count }) => count),
    p50Ms: of(({ p50Ms }) => p50Ms),
    p99Ms: of(({ p99Ms }) => p99Ms),
    p999Ms: of(({ p999Ms }) => p999Ms),
    maxMs: of(({ maxMs }) => maxMs),
  };
}

/** Exact percentiles of all samples: nothing is put in buckets, nothing is left out. */
export class Latencies {
  #values = new Float64Array(1 << 16);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(ms: number): void {
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(this.#values.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#count] = ms;
    this.#count += 1;
  }

  clear(): void {
    this.#count = 0;
  }

  summary(): LatencySummary {
    const sorted = this.#values.subarray(0, this.#count).sort();
    const at = (share: number) =>
      sorted.length === 0 ? Number.NaN : sorted[Math.ceil(share * sorted.length) - 1]!;
    return {
      count: sorted.length,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      p999Ms: at(0.999),
      maxMs: at(1),
    };
  }
}

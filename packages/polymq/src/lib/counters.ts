/**
 * Plain counters that any layer may keep and the metrics page reads at scrape time.
 *
 * A part asks for its counters once, when it is built, and then only adds to a number: the hot path
 * neither looks anything up nor allocates. Nothing here knows Prometheus; the admin layer turns the
 * families into a page, and takes help texts from its own table.
 *
 * Names follow Prometheus: `polymq_` first, base units, `_total` for what only grows.
 *
 * Invariant: a family holds at most `SERIES_MAX` label sets. Whoever asks for more gets a shared series
 * labelled `other`, so that names chosen by peers cannot fill the memory.
 */

export interface Counter {
  /** Add to it directly: `counter.value += 1`. */
  value: number;
}

export interface Histogram {
  observe(value: number): void;
  /** Upper bounds of the buckets, ascending, each inclusive; one more bucket follows for the rest. */
  readonly bounds: readonly number[];
  /** Observations per bucket, not cumulative; one longer than `bounds`. */
  readonly counts: Readonly<Float64Array>;
  readonly sum: number;
}

export type Labels = Readonly<Record<string, string>>;

export interface Counters {
  /** The same object for the same name and labels. */
  counter(name: string, labels?: Labels): Counter;
  /** A number that may also fall. */
  gauge(name: string, labels?: Labels): Counter;
  histogram(name: string, bounds: readonly number[], labels?: Labels): Histogram;
}

export interface Series<T> {
  readonly labels: Labels;
  readonly metric: T;
}

export type Family =
  | {
      readonly name: string;
      readonly type: 'counter' | 'gauge';
      readonly series: Series<Counter>[];
    }
  | { readonly name: string; readonly type: 'histogram'; readonly series: Series<Histogram>[] };

/** Label sets of one name; a protocol has at most a hundred operations with a few outcomes each. */
export const SERIES_MAX = 1_000;

/** Seconds; from one fast write to a disk that hangs. */
export const LATENCY_BOUNDS_S: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

class FixedHistogram implements Histogram {
  readonly bounds: readonly number[];
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > this.bounds[bucket]!) bucket += 1;
    this.counts[bucket]! += 1;
    this.sum += value;
  }
}

/** The one implementation; a broker owns one. */
export class CounterRegistry implements Counters {
  readonly #families = new Map<string, { family: Family; byLabels: Map<string, unknown> }>();

  counter(name: string, labels: Labels = {}): Counter {
    return this.#metric(name, 'counter', labels, () => ({ value: 0 }));
  }

  gauge(name: string, labels: Labels = {}): Counter {
    return this.#metric(name, 'gauge', labels, () => ({ value: 0 }));
  }

  histogram(name: string, bounds: readonly number[], labels: Labels = {}): Histogram {
    return this.#metric(name, 'histogram', labels, () => new FixedHistogram(bounds));
  }

  /** Everything there is, in order of first use. */
  families(): Family[] {
    return Array.from(this.#families.values(), (entry) => entry.family);
  }

  #metric<T extends Counter | Histogram>(
    name: string,
    type: Family['type'],
    labels: Labels,
    create: () => T,
  ): T {
    let entry = this.#families.get(name);
    if (entry === undefined) {
      entry = { family: { name, type, series: [] } as Family, byLabels: new Map() };
      this.#families.set(name, entry);
    }
    if (entry.family.type !== type) {
      throw new Error(`metric ${name} is a ${entry.family.type} and cannot be a ${type} too`);
    }
    const full = entry.byLabels.size >= SERIES_MAX;
    const key = labelsKey(labels);
    const known = entry.byLabels.get(key);
    if (known !== undefined) return known as T;
    if (full && !isOther(labels)) return this.#metric(name, type, otherLabels(labels), create);
    const metric = create();
    entry.byLabels.set(key, metric);
    (entry.family.series as Series<T>[]).push({ labels, metric });
    return metric;
  }
}

function labelsKey(labels: Labels): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function otherLabels(labels: Labels): Labels {
  return Object.fromEntries(Object.keys(labels).map((name) => [name, 'other']));
}

function isOther(labels: Labels): boolean {
  return Object.values(labels).every((value) => value === 'other');
}

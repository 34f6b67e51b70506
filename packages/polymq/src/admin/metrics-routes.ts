/**
 * `/metrics` for the regular scrape and `/metrics/per-object` for everything there is, page by page.
 *
 * The first shows totals, and of each partition and group as much as `seriesMax` allows, lag first: a
 * broker with ten thousand partitions must not produce a page that no scrape finishes.
 */
import type { CounterRegistry } from '../lib/counters.ts';
import {
  groupLag,
  type ObjectFilter,
  type Observed,
  partitionSizes,
  queueDepths,
  type Sample,
  totals,
} from './broker-samples.ts';
import { metricsAnswer, metricsPage, processMetricsPage } from './metrics-page.ts';
import { type Answer, errorAnswer, type Route } from './routes.ts';

export interface MetricsOptions {
  observed: Observed;
  counters: CounterRegistry;
  /** Facts of the process and the machine that only the composition root knows. */
  further: () => Iterable<Sample> | Promise<Iterable<Sample>>;
  /** Series per partition and group on `/metrics`. */
  seriesMax: number;
}

/** Series on one page of `/metrics/per-object`: some 20 ms of work. */
const PAGE_SERIES_MAX = 5_000;

export function metricsRoutes(options: MetricsOptions): Route[] {
  return [
    {
      path: '/metrics',
      doc: 'Prometheus metrics',
      handle: async () => metricsAnswer(await aggregated(options)),
    },
    {
      path: '/metrics/per-object',
      doc: 'metrics of every partition, group and queue; ?stream= ?group= ?queue= ?offset= ?limit=',
      handle: (query) => perObject(options, query),
    },
  ];
}

async function aggregated(options: MetricsOptions): Promise<string> {
  const { observed, counters, seriesMax } = options;
  const lag = take(groupLag(observed), Math.ceil(seriesMax / 2));
  const depths = take(queueDepths(observed), Math.ceil((seriesMax - lag.samples.length) / 2));
  const room = seriesMax - lag.samples.length - depths.samples.length;
  const sizes = take(partitionSizes(observed), room);
  const truncated = Number(lag.more || depths.more || sizes.more);
  const samples = [
    ...(await options.further()),
    ...totals(observed),
    { name: 'polymq_metrics_truncated', labels: {}, value: truncated },
    ...lag.samples,
    ...depths.samples,
    ...sizes.samples,
  ];
  const [own, process] = [
    await metricsPage(samples, counters.families()),
    await processMetricsPage(),
  ];
  return `${own}\n${process}`;
}

async function perObject({ observed }: MetricsOptions, query: URLSearchParams): Promise<Answer> {
  const offset = countOf(query.get('offset') ?? '0');
  const limit = countOf(query.get('limit') ?? String(PAGE_SERIES_MAX));
  if (offset === undefined || limit === undefined || limit === 0) {
    return errorAnswer(400, 'bad-query', 'offset and limit must be whole numbers, limit above 0');
  }
  const filter: ObjectFilter = {
    stream: query.get('stream') ?? undefined,
    group: query.get('group') ?? undefined,
    queue: query.get('queue') ?? undefined,
  };
  const page = take(objects(observed, filter), Math.min(limit, PAGE_SERIES_MAX), offset);
  const body = await metricsPage(page.samples);
  if (!page.more) return metricsAnswer(body);
  return metricsAnswer(`${body}\n# there is more: offset=${offset + page.samples.length}\n`);
}

function* objects(observed: Observed, filter: ObjectFilter): Generator<Sample> {
  if (filter.queue !== undefined) {
    yield* queueDepths(observed, filter);
    return;
  }
  yield* groupLag(observed, filter);
  if (filter.group !== undefined) return;
  yield* partitionSizes(observed, filter);
  if (filter.stream === undefined) yield* queueDepths(observed, filter);
}

/** Up to `count` samples after the first `skip`, and whether there are more. */
function take(
  samples: Iterable<Sample>,
  count: number,
  skip = 0,
): { samples: Sample[]; more: boolean } {
  const taken: Sample[] = [];
  let seen = 0;
  for (const sample of samples) {
    seen += 1;
    if (seen <= skip) continue;
    if (taken.length === count) return { samples: taken, more: true };
    taken.push(sample);
  }
  return { samples: taken, more: false };
}

function countOf(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/**
 * Samples and counters as a page for Prometheus.
 *
 * prom-client writes the text and measures the process itself. Our own numbers stay in our own counters: they
 * are shown through metric objects that live for one page, because prom-client's own would keep a second copy
 * and cost the hot path a look-up per count. It is loaded at the first scrape, not at the start.
 */
import type { Metric } from 'prom-client';
import type { Family, Histogram, Labels, Series } from '../lib/counters.ts';
import type { Sample } from './broker-samples.ts';
import { METRICS } from './metric-table.ts';
import type { Answer } from './routes.ts';

interface PageValue {
  labels: Labels;
  value: number;
  /** The name of the line, where it differs from that of the metric. */
  metricName?: string;
}

/** The page of these samples and counters. */
export async function metricsPage(
  samples: Iterable<Sample>,
  families: readonly Family[] = [],
): Promise<string> {
  const { Registry } = await import('prom-client');
  const registry = new Registry();
  const byName = new Map<string, PageValue[]>();
  const valuesOf = (name: string): PageValue[] => {
    let values = byName.get(name);
    if (values === undefined) {
      values = [];
      byName.set(name, values);
      registry.registerMetric(pageMetric(name, values));
    }
    return values;
  };
  for (const family of families) {
    const values = valuesOf(family.name);
    if (family.type === 'histogram')
      values.push(...family.series.flatMap(histogramLines(family.name)));
    else
      for (const { labels, metric } of family.series) values.push({ labels, value: metric.value });
  }
  for (const { name, labels, value } of samples) valuesOf(name).push({ labels, value });
  return registry.metrics();
}

/** What prom-client's registry asks of a metric, as far as it asks. */
function pageMetric(name: string, values: PageValue[]): Metric {
  const { type, help } = METRICS[name] ?? { type: 'gauge', help: name };
  return { name, get: async () => ({ name, help, type, values, aggregator: 'sum' }) } as never;
}

/** Cumulative buckets, sum and count, as the format wants them. */
function histogramLines(name: string): (series: Series<Histogram>) => PageValue[] {
  return ({ labels, metric }) => {
    const lines: PageValue[] = [];
    let count = 0;
    for (const [bucket, observed] of metric.counts.entries()) {
      count += observed;
      const le = bucket < metric.bounds.length ? String(metric.bounds[bucket]) : '+Inf';
      lines.push({ labels: { ...labels, le }, value: count, metricName: `${name}_bucket` });
    }
    lines.push({ labels, value: metric.sum, metricName: `${name}_sum` });
    lines.push({ labels, value: count, metricName: `${name}_count` });
    return lines;
  };
}

let processPage: Promise<() => Promise<string>> | undefined;

/** Left out: what we measure from the start of the process on, and what says little for its length. */
const UNWANTED = /^(?:nodejs_eventloop_lag|process_cpu|nodejs_active_)/;

/** Memory, open files and garbage collection of this process, under prom-client's usual names. */
export async function processMetricsPage(): Promise<string> {
  processPage ??= import('prom-client').then(({ collectDefaultMetrics, Registry }) => {
    const registry = new Registry();
    collectDefaultMetrics({ register: registry });
    for (const { name } of registry.getMetricsAsArray()) {
      if (UNWANTED.test(name)) registry.removeSingleMetric(name);
    }
    return () => registry.metrics();
  });
  return (await processPage)();
}

export function metricsAnswer(body: string): Answer {
  return { status: 200, contentType: 'text/plain; version=0.0.4; charset=utf-8', body };
}

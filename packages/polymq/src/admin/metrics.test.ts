import { describe, expect, it } from 'vitest';
import { Alarms } from '../core/alarms.ts';
import { CounterRegistry } from '../lib/counters.ts';
import type { Observed } from './broker-samples.ts';
import { metricsPage } from './metrics-page.ts';
import { metricsRoutes } from './metrics-routes.ts';
import { type Answer, PLAIN_REQUEST } from './routes.ts';

/** A broker with `streams` streams of two partitions, and one group that is 3 records behind in each. */
function observed(streams: number): Observed {
  const partition = (index: number) => ({ index, sizeBytes: 100, startOffset: 0, endOffset: 10 });
  const list = Array.from({ length: streams }, (_, at) => {
    return { name: `s${at}`, partitions: [partition(0), partition(1)] };
  });
  const committed = list.flatMap(({ name }) =>
    [0, 1].map((index) => ({ groupId: 'g"1\n', stream: name, partition: index, offset: 7 })),
  );
  return {
    streams: { list: () => list, get: (name: string) => list.find((one) => one.name === name) },
    groups: {
      countByState: () => ({ stable: 1, empty: 0 }),
      memberCount: () => 2,
      offsetCount: committed.length,
      committed: () => committed,
    },
    queues: {
      list: () => [
        {
          namespace: '',
          name: 'q"1',
          readyCount: 5,
          leasedCount: 2,
          delayedCount: 1,
          bytes: 800,
          consumerCount: 3,
        },
      ],
      counters: { published: 8 },
      store: { memoryBytes: 900, uncommittedBytes: 0 },
    },
    retained: { count: 3, bytes: 300 },
    alarms: new Alarms(),
    engine: {
      appendedBytes: 1,
      appendedBatches: 2,
      readBytes: 3,
      commitRounds: 4,
      syncs: 5,
      damagedRanges: 0,
      onSync: undefined,
    },
  } as unknown as Observed;
}

async function ask(streams: number, seriesMax: number, path: string): Promise<Answer> {
  const routes = metricsRoutes({
    observed: observed(streams),
    counters: new CounterRegistry(),
    further: () => [],
    seriesMax,
  });
  const [name, query] = path.split('?');
  return routes
    .find((route) => route.path === name)!
    .handle(new URLSearchParams(query), PLAIN_REQUEST);
}

function seriesOf({ body }: Answer): string[] {
  return body
    .split('\n')
    .filter((line) => /^polymq_(partition_|group_lag|queue_.*queue=)/.test(line));
}

describe('metricsPage', () => {
  it('writes counters and histograms as Prometheus reads them', async () => {
    const counters = new CounterRegistry();
    counters.counter('polymq_sent_bytes_total', { protocol: 'kafka' }).value += 5;
    const histogram = counters.histogram('polymq_log_sync_seconds', [0.1, 1]);
    for (const value of [0.05, 0.5, 5]) histogram.observe(value);
    const page = await metricsPage([], counters.families());
    expect(page).toContain('# TYPE polymq_sent_bytes_total counter\n');
    expect(page).toContain('polymq_sent_bytes_total{protocol="kafka"} 5\n');
    expect(page).toContain(
      'polymq_log_sync_seconds_bucket{le="0.1"} 1\n' +
        'polymq_log_sync_seconds_bucket{le="1"} 2\n' +
        'polymq_log_sync_seconds_bucket{le="+Inf"} 3\n' +
        'polymq_log_sync_seconds_sum 5.55\n' +
        'polymq_log_sync_seconds_count 3\n',
    );
  });
});

describe('/metrics', () => {
  it('shows lag and sizes of every partition while there are few, with labels escaped', async () => {
    const answer = await ask(2, 2_000, '/metrics');
    expect(seriesOf(answer)).toHaveLength(4 + 4 * 3 + 4);
    const labels = '{group="g\\"1\\n",stream="s1",partition="1"}';
    expect(answer.body).toContain(`polymq_group_lag_records${labels} 3\n`);
    expect(answer.body).toContain('polymq_partition_end_offset{stream="s0",partition="0"} 10\n');
    expect(answer.body).toContain('polymq_metrics_truncated 0\n');
    expect(answer.body).toContain('polymq_stored_bytes 400\n');
    expect(answer.body).toContain('polymq_queue_ready_messages{namespace="",queue="q\\"1"} 5\n');
    expect(answer.body).toContain('polymq_queue_messages{state="leased"} 2\n');
  });

  it('shows no more series than allowed, and says that there are more', async () => {
    const answer = await ask(50, 40, '/metrics');
    expect(seriesOf(answer)).toHaveLength(40);
    expect(answer.body).toContain('polymq_metrics_truncated 1\n');
  });
});

describe('/metrics/per-object', () => {
  it('shows everything, page by page', async () => {
    const seen = new Set<string>();
    let path = '/metrics/per-object?limit=7';
    for (let page = 0; page < 100; page += 1) {
      const answer = await ask(5, 0, path);
      for (const line of seriesOf(answer)) seen.add(line);
      const next = /# there is more: offset=(\d+)/.exec(answer.body)?.[1];
      if (next === undefined) break;
      path = `/metrics/per-object?limit=7&offset=${next}`;
    }
    expect(seen.size).toBe(5 * 2 * 4 + 4);
  });

  it('shows one stream or one group', async () => {
    const stream = seriesOf(await ask(5, 0, '/metrics/per-object?stream=s3'));
    expect(stream).toHaveLength(8);
    expect(stream.every((line) => line.includes('stream="s3"'))).toBe(true);
    const group = seriesOf(await ask(5, 0, '/metrics/per-object?group=nobody'));
    expect(group).toHaveLength(0);
  });

  it.each(['offset=-1', 'limit=0', 'limit=x', 'offset=99999999999'])(
    'refuses %s',
    async (query) => {
      expect((await ask(1, 0, `/metrics/per-object?${query}`)).status).toBe(400);
    },
  );
});

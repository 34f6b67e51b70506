/** What the metrics page says of the process and the machine, beyond what prom-client measures itself. */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { Sample } from '../admin/broker-samples.ts';

const RESOLUTION_MS = 20;
const NS_PER_S = 1e9;
const QUANTILES: Readonly<Record<string, number>> = {
  '0.5': 50,
  '0.99': 99,
  '0.999': 99.9,
  '1': 100,
};

/** How late timers fire. Measured by libuv itself, so watching costs next to nothing. */
export class EventLoopDelay {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  start(): void {
    this.#histogram.enable();
  }

  stop(): void {
    this.#histogram.disable();
  }

  /** The delays since the last call, which starts the next interval. */
  samples(): Sample[] {
    const samples = Object.entries(QUANTILES).map(([quantile, percentile]) => {
      // The histogram holds whole intervals between its own timers, the wanted delay being what exceeds one.
      const nanoseconds = this.#histogram.count === 0 ? 0 : this.#histogram.percentile(percentile);
      const value = Math.max(0, nanoseconds - RESOLUTION_MS * 1e6) / NS_PER_S;
      return { name: 'polymq_event_loop_delay_seconds', labels: { quantile }, value };
    });
    this.#histogram.reset();
    return samples;
  }
}

export interface MachineFacts {
  ready: boolean;
  labels: Readonly<Record<string, string>>;
  diskFreeBytes: number | undefined;
  connections: readonly { protocol: string; count: number }[];
}

export function machineSamples({
  ready,
  labels,
  diskFreeBytes,
  connections,
}: MachineFacts): Sample[] {
  const samples: Sample[] = [
    { name: 'polymq_info', labels, value: 1 },
    { name: 'polymq_ready', labels: {}, value: Number(ready) },
  ];
  for (const { protocol, count } of connections) {
    samples.push({ name: 'polymq_connections', labels: { protocol }, value: count });
  }
  samples.push(...cpuSamples());
  if (diskFreeBytes !== undefined) {
    samples.push({ name: 'polymq_disk_free_bytes', labels: {}, value: diskFreeBytes });
  }
  return samples;
}

function cpuSamples(): Sample[] {
  const { user, system } = process.cpuUsage();
  const seconds = (name: string, microseconds: number): Sample => {
    return { name: `process_cpu_${name}`, labels: {}, value: microseconds / 1e6 };
  };
  return [
    seconds('user_seconds_total', user),
    seconds('system_seconds_total', system),
    seconds('seconds_total', user + system),
  ];
}

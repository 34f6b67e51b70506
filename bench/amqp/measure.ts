/** Runs a load for a while and takes the broker's CPU time, its memory and the generator's own share. */
import { cpuSeconds, memoryOf } from '../lib/process-usage.ts';
import { type LatencySummary, median } from '../lib/statistics.ts';
import type { Load } from './load.ts';
import type { Target } from './targets.ts';

export interface Measurement {
  seconds: number;
  /** Messages that consumers got: with a fan-out every copy counts. */
  messagesPerSecond: number;
  /** Of one core: 150 is one and a half. */
  brokerCpuPercent: number;
  /** The same as CPU-seconds per million messages. */
  cpuMicrosPerMessage: number;
  messagesPerCpuSecond: number;
  generatorCpuPercent: number;
  rssMib: number;
  /** To the confirm; where nothing is confirmed, to the consumer. */
  latency: LatencySummary;
}

/** Warms up, measures, stops and sees that everything has come back. */
export async function measure(
  target: Target,
  load: Load,
  times: { warmUpSeconds: number; seconds: number },
): Promise<Measurement> {
  load.start();
  await Promise.race([pause(times.warmUpSeconds), load.failed]);
  load.latencies.clear();
  const deliveredBefore = load.delivered;
  const cpuBefore = cpuOf(target);
  const ownBefore = process.cpuUsage();
  const began = performance.now();
  await Promise.race([pause(times.seconds), load.failed]);
  const seconds = (performance.now() - began) / 1000;
  const messages = load.delivered - deliveredBefore;
  const cpu = cpuOf(target) - cpuBefore;
  const own = process.cpuUsage(ownBefore);
  const rssMib = target.pids.reduce((sum, pid) => sum + memoryOf(pid).rssMib, 0);
  const latency = load.latencies.summary();
  await load.stop();
  return {
    seconds,
    messagesPerSecond: messages / seconds,
    brokerCpuPercent: (100 * cpu) / seconds,
    cpuMicrosPerMessage: (cpu * 1e6) / messages,
    messagesPerCpuSecond: messages / cpu,
    generatorCpuPercent: (own.user + own.system) / 1e4 / seconds,
    rssMib,
    latency,
  };
}

export function medianOf(runs: readonly Measurement[]): Measurement {
  const of = (read: (run: Measurement) => number) => median(runs.map(read));
  return {
    seconds: of((run) => run.seconds),
    messagesPerSecond: of((run) => run.messagesPerSecond),
    brokerCpuPercent: of((run) => run.brokerCpuPercent),
    cpuMicrosPerMessage: of((run) => run.cpuMicrosPerMessage),
    messagesPerCpuSecond: of((run) => run.messagesPerCpuSecond),
    generatorCpuPercent: of((run) => run.generatorCpuPercent),
    rssMib: of((run) => run.rssMib),
    latency: {
      count: of((run) => run.latency.count),
      p50Ms: of((run) => run.latency.p50Ms),
      p99Ms: of((run) => run.latency.p99Ms),
      p999Ms: of((run) => run.latency.p999Ms),
      maxMs: of((run) => run.latency.maxMs),
    },
  };
}

function cpuOf(target: Target): number {
  if (target.pids.length === 0) return Number.NaN;
  return target.pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

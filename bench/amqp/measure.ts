/** Runs a load for a while and takes the broker's CPU time, its memory and the generator's own share. */
import { memoryOf } from '../lib/process-usage.ts';
import { pause } from '../lib/report.ts';
import { type LatencySummary, median, medianLatency } from '../lib/statistics.ts';
import { cpuOf, type Target } from '../lib/targets.ts';
import type { Load } from './load.ts';

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
    latency: medianLatency(runs),
  };
}

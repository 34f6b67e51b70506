/** Runs something for a while and takes the broker's CPU time, memory and the generator's own load. */

import { cpuSeconds, memoryOf } from '../lib/process-usage.ts';
import { pause } from '../lib/report.ts';
import { Latencies, type LatencySummary } from '../lib/statistics.ts';
import type { Target } from './targets.ts';

/** What load generators count while they run. */
export class Counters {
  bytes = 0;
  records = 0;
  batches = 0;
  /** From request to response, or as the scenario says. */
  readonly latencies: Latencies = new Latencies();

  clear(): void {
    this.bytes = 0;
    this.records = 0;
    this.batches = 0;
    this.latencies.clear();
  }
}

export interface Measurement {
  seconds: number;
  mbPerSecond: number;
  recordsPerSecond: number;
  batchesPerSecond: number;
  /** Of one core: 150 is one and a half. */
  brokerCpuPercent: number;
  cpuMicrosPerMb: number;
  cpuMicrosPerRecord: number;
  /** Throughput per second of the broker's CPU time: what is compared between brokers. */
  mbPerCpuSecond: number;
  recordsPerCpuSecond: number;
  generatorCpuPercent: number;
  rssMib: number;
  rssPeakMib: number;
  latency: LatencySummary;
}

export interface Load {
  readonly counters: Counters;
  start(): void;
  /** Stops sending; resolves when nothing is in flight, rejects if anything went wrong. */
  stop(): Promise<void>;
  /** Resolves when the load has come to its own end, such as a byte limit. */
  readonly ended: Promise<void>;
}

/** Warms up, measures, stops. A load that ends by itself is measured up to its end. */
export async function measure(
  target: Target,
  load: Load,
  times: { warmUpSeconds: number; seconds: number },
): Promise<Measurement> {
  load.start();
  await Promise.race([pause(times.warmUpSeconds), load.ended]);
  load.counters.clear();
  const cpuBefore = cpuSeconds(target.pid);
  const ownBefore = process.cpuUsage();
  const began = performance.now();
  await Promise.race([pause(times.seconds), load.ended]);
  const seconds = (performance.now() - began) / 1000;
  const { bytes, records, batches } = load.counters;
  const cpu = cpuSeconds(target.pid) - cpuBefore;
  const own = process.cpuUsage(ownBefore);
  const memory = memoryOf(target.pid);
  const latency = load.counters.latencies.summary();
  await load.stop();
  const megabytes = bytes / 1e6;
  return {
    seconds,
    mbPerSecond: megabytes / seconds,
    recordsPerSecond: records / seconds,
    batchesPerSecond: batches / seconds,
    brokerCpuPercent: (100 * cpu) / seconds,
    cpuMicrosPerMb: (cpu * 1e6) / megabytes,
    cpuMicrosPerRecord: (cpu * 1e6) / records,
    mbPerCpuSecond: megabytes / cpu,
    recordsPerCpuSecond: records / cpu,
    generatorCpuPercent: (own.user + own.system) / 1e4 / seconds,
    ...memory,
    latency,
  };
}

/** Runs a load for a while and takes the broker's CPU time, its memory and the generator's own share. */
import { memoryOf } from '../lib/process-usage.ts';
import { pause } from '../lib/report.ts';
import { type LatencySummary, median, medianLatency } from '../lib/statistics.ts';
import { cpuOf, type Target } from '../lib/targets.ts';
import type { Load } from './load.ts';

export interface Measurement {
  seconds: number;
  messagesPerSecond: number;
  requestsPerSecond: number;
  /** Of one core: 150 is one and a half. */
  brokerCpuPercent: number;
  /** The same as CPU-seconds per million messages. */
  cpuMicrosPerMessage: number;
  messagesPerCpuSecond: number;
  generatorCpuPercent: number;
  rssMib: number;
  /** Of a request, of receiving and deleting together, or from when a message was due to when it came. */
  latency: LatencySummary;
}

/** Warms up, measures, stops and sees that everything is right. */
export async function measure(
  target: Target,
  load: Load,
  times: { warmUpSeconds: number; seconds: number },
): Promise<Measurement> {
  const { ledger } = load;
  let before = stateOf(target, load);
  load.start();
  // A queue that is empty so soon is measured from the start.
  const warmedUp = pause(times.warmUpSeconds).then(() => true);
  const emptied = load.exhausted.then(() => false);
  if (await Promise.race([warmedUp, emptied, load.failed])) {
    ledger.latencies.clear();
    before = stateOf(target, load);
  }
  await Promise.race([pause(times.seconds), load.exhausted, load.failed]);
  const after = stateOf(target, load);
  const seconds = (after.atMs - before.atMs) / 1000;
  const messages = after.messages - before.messages;
  const requests = after.requests - before.requests;
  const cpu = after.cpu - before.cpu;
  const rssMib = target.pids.reduce((sum, pid) => sum + memoryOf(pid).rssMib, 0);
  const latency = ledger.latencies.summary();
  await load.stop();
  return {
    seconds,
    messagesPerSecond: messages / seconds,
    requestsPerSecond: requests / seconds,
    brokerCpuPercent: (100 * cpu) / seconds,
    cpuMicrosPerMessage: (cpu * 1e6) / messages,
    messagesPerCpuSecond: messages / cpu,
    generatorCpuPercent: (100 * (after.ownCpu - before.ownCpu)) / seconds,
    rssMib,
    latency,
  };
}

function stateOf(target: Target, load: Load) {
  const own = process.cpuUsage();
  return {
    atMs: performance.now(),
    messages: load.messages,
    requests: load.ledger.requests,
    cpu: cpuOf(target),
    ownCpu: (own.user + own.system) / 1e6,
  };
}

export function medianOf(runs: readonly Measurement[]): Measurement {
  const of = (read: (run: Measurement) => number) => median(runs.map(read));
  return {
    seconds: of((run) => run.seconds),
    messagesPerSecond: of((run) => run.messagesPerSecond),
    requestsPerSecond: of((run) => run.requestsPerSecond),
    brokerCpuPercent: of((run) => run.brokerCpuPercent),
    cpuMicrosPerMessage: of((run) => run.cpuMicrosPerMessage),
    messagesPerCpuSecond: of((run) => run.messagesPerCpuSecond),
    generatorCpuPercent: of((run) => run.generatorCpuPercent),
    rssMib: of((run) => run.rssMib),
    latency: medianLatency(runs),
  };
}

/** Runs a load for a while and takes the broker's CPU time, its memory and the generator's own share. */
import { memoryOf } from '../process-usage.ts';
import { pause } from '../report.ts';
import { median } from '../statistics.ts';
import { cpuOf, type Target } from '../targets.ts';
import type { LiveLoad, LiveShape } from './load.ts';

export interface LiveMeasurement {
  seconds: number;
  /** Messages that subscribers got: with a fan-out every copy counts. */
  deliveriesPerSecond: number;
  /** CPU time of all of the broker, user and system. */
  cpuMicrosPerDelivery: number;
  deliveriesPerCpuSecond: number;
  /** Of one core: 150 is one and a half. */
  brokerCpuPercent: number;
  generatorCpuPercent: number;
  rssMib: number;
}

/** Warms up, measures, stops and sees that everything has arrived. */
export async function measureLive<Shape extends LiveShape>(
  target: Target,
  load: LiveLoad<Shape>,
  times: { warmUpSeconds: number; seconds: number },
): Promise<LiveMeasurement> {
  load.start();
  await Promise.race([pause(times.warmUpSeconds), load.failed]);
  const deliveredBefore = load.delivered;
  const cpuBefore = cpuOf(target);
  const ownBefore = process.cpuUsage();
  const began = performance.now();
  await Promise.race([pause(times.seconds), load.failed]);
  const seconds = (performance.now() - began) / 1000;
  const deliveries = load.delivered - deliveredBefore;
  const cpu = cpuOf(target) - cpuBefore;
  const own = process.cpuUsage(ownBefore);
  const rssMib = target.pids.reduce((sum, pid) => sum + memoryOf(pid).rssMib, 0);
  await load.stop();
  if (deliveries === 0) throw new Error(`nothing was delivered in ${seconds.toFixed(1)} s`);
  return {
    seconds,
    deliveriesPerSecond: deliveries / seconds,
    cpuMicrosPerDelivery: (cpu * 1e6) / deliveries,
    deliveriesPerCpuSecond: deliveries / cpu,
    brokerCpuPercent: (100 * cpu) / seconds,
    generatorCpuPercent: (own.user + own.system) / 1e4 / seconds,
    rssMib,
  };
}

export function medianOfLive(runs: readonly LiveMeasurement[]): LiveMeasurement {
  const of = (read: (run: LiveMeasurement) => number) => median(runs.map(read));
  return {
    seconds: of((run) => run.seconds),
    deliveriesPerSecond: of((run) => run.deliveriesPerSecond),
    cpuMicrosPerDelivery: of((run) => run.cpuMicrosPerDelivery),
    deliveriesPerCpuSecond: of((run) => run.deliveriesPerCpuSecond),
    brokerCpuPercent: of((run) => run.brokerCpuPercent),
    generatorCpuPercent: of((run) => run.generatorCpuPercent),
    rssMib: of((run) => run.rssMib),
  };
}

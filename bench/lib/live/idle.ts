/** Connections that wait for something that does not happen: what they cost. At the end each must still be there. */
import { memoryOf } from '../process-usage.ts';
import { pause } from '../report.ts';
import { cpuOf, type Target } from '../targets.ts';
import { Wire } from './wire.ts';

export interface IdleMeasurement {
  connections: number;
  rssBeforeMib: number;
  rssMib: number;
  kibEach: number;
  brokerCpuPercent: number;
  /** From the first connection to the last. */
  openMs: number;
}

const AT_ONCE = 100;
const SETTLE_SECONDS = 2;

/** `join`: what a connection does before it is idle. */
export async function measureIdle(
  target: Target,
  connections: number,
  seconds: number,
  join: (wire: Wire, index: number) => Promise<unknown>,
): Promise<IdleMeasurement> {
  const wires: Wire[] = [];
  try {
    const rssBeforeMib = rssOf(target);
    const began = performance.now();
    while (wires.length < connections) {
      const first = wires.length;
      const count = Math.min(AT_ONCE, connections - first);
      const some = Array.from({ length: count }, async (_, i) => {
        const wire = await Wire.connect(target);
        wires.push(wire);
        await join(wire, first + i);
      });
      await Promise.all(some);
    }
    const openMs = performance.now() - began;
    await pause(SETTLE_SECONDS);
    const cpuBefore = cpuOf(target);
    await pause(seconds);
    const cpu = cpuOf(target) - cpuBefore;
    const rssMib = rssOf(target);
    const cut = wires.filter((wire) => !wire.open).length;
    if (cut > 0) throw new Error(`${cut} of ${connections} idle connections were closed`);
    return {
      connections,
      rssBeforeMib,
      rssMib,
      kibEach: ((rssMib - rssBeforeMib) * 1024) / connections,
      brokerCpuPercent: (100 * cpu) / seconds,
      openMs,
    };
  } finally {
    for (const wire of wires) wire.destroy();
    await pause(SETTLE_SECONDS);
  }
}

function rssOf(target: Target): number {
  if (target.pids.length === 0) return Number.NaN;
  return target.pids.reduce((sum, pid) => sum + memoryOf(pid).rssMib, 0);
}

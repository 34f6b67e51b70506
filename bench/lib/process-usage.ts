/** What another process uses, from `/proc` (Linux). Where that is missing every figure is NaN. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

let ticksPerSecond: number | undefined;

/** CPU seconds (user and system, all threads) that the process has used so far. */
export function cpuSeconds(pid: number | undefined): number {
  if (pid === undefined) return Number.NaN;
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command may hold spaces; the fields after its closing bracket do not.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / clockTicks();
  } catch {
    return Number.NaN;
  }
}

export interface Memory {
  rssMib: number;
  rssPeakMib: number;
}

/** Resident memory now, and the highest since the process began or since `resetPeak`. */
export function memoryOf(pid: number | undefined): Memory {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'latin1');
    const field = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(text)?.[1]) / 1024;
    return { rssMib: field('VmRSS'), rssPeakMib: field('VmHWM') };
  } catch {
    return { rssMib: Number.NaN, rssPeakMib: Number.NaN };
  }
}

function clockTicks(): number {
  ticksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).trim());
  return ticksPerSecond;
}

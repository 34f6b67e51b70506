import { cpus, loadavg, release, totalmem, type } from 'node:os';

/** The circumstances without which a figure means nothing. */
export interface Machine {
  cpu: string;
  cpuCount: number;
  memoryGib: number;
  system: string;
  node: string;
  network: string;
  /** Of the last minute, when the report is written: this benchmark's own share included. */
  load: number;
}

export function describeMachine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cpuCount: all.length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.version,
    network: 'loopback',
    load: Number(loadavg()[0]!.toFixed(1)),
  };
}

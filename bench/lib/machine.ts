import { cpus, release, totalmem, type } from 'node:os';

/** The circumstances without which a figure means nothing. */
export interface Machine {
  cpu: string;
  cpuCount: number;
  memoryGib: number;
  system: string;
  node: string;
  network: string;
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
  };
}

/** What the benchmarks say while they run, and the file that they leave. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describeMachine } from './machine.ts';

export interface Settings {
  runs: number;
  seconds: number;
  warmUpSeconds: number;
  durability: string;
}

/** `--quick` means one run of a second, where nothing else is said. */
export function settingsOf(values: {
  quick: boolean;
  runs?: string | undefined;
  seconds?: string | undefined;
  durability: string;
}): Settings {
  const { quick, durability } = values;
  return {
    runs: positive('runs', values.runs ?? (quick ? '1' : '3')),
    seconds: positive('seconds', values.seconds ?? (quick ? '1' : '3')),
    warmUpSeconds: quick ? 0.5 : 1,
    durability,
  };
}

/** Writes everything that was measured. Returns the exit code. */
export function writeReport(
  bench: string,
  file: string | undefined,
  report: { failures: readonly string[]; settings: Settings; [part: string]: unknown },
): number {
  const when = new Date().toISOString();
  const path = file ?? `bench/results/${bench}-${when.replace(/[:.]/g, '-')}.json`;
  mkdirSync(dirname(path), { recursive: true });
  const whole = { when, machine: describeMachine(), ...report };
  writeFileSync(path, `${JSON.stringify(whole, null, 2)}\n`);
  process.stdout.write(`\nwritten to ${path}\n`);
  for (const failure of report.failures) process.stdout.write(`FAILED ${failure}\n`);
  return report.failures.length === 0 ? 0 : 1;
}

export function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

export function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

export function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} wants a number above zero, not "${text}"`);
  return value;
}

/** The process ids in a flag. */
export function pidsOf(text: string | undefined): number[] {
  return text?.split(',').map((each) => positive('peer-pid', each)) ?? [];
}

/** What stands above a table: where and how it was measured. */
export function headLines(
  settings: Settings,
  results: readonly { target: string; version: string }[],
  { generator, meaning }: { generator: string; meaning: string },
): string[] {
  const { cpu, cpuCount, memoryGib, system, network, load, node } = describeMachine();
  const versions = new Set(results.map(({ target, version }) => `${target} ${version}`));
  return [
    '',
    `${cpu}, ${cpuCount} CPUs, ${memoryGib} GiB, ${system}, ${network}, load average ${load}`,
    `load generator: Node ${node}, one process, ${generator}`,
    ...versions,
    `median of ${settings.runs} run(s) of ${settings.seconds} s after ${settings.warmUpSeconds} s of warm-up`,
    meaning,
    '',
  ];
}

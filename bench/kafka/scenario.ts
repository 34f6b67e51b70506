/** What scenarios share: their settings, their results, and how often they are repeated. */
import { median, medianLatency } from '../lib/statistics.ts';
import type { Measurement } from './measure.ts';
import type { Durability, Target } from './targets.ts';

export interface Settings {
  quick: boolean;
  runs: number;
  seconds: number;
  warmUpSeconds: number;
  connections: number;
  /** A produce run ends early at this many bytes, so that it fits in the page cache. */
  bytesMax: number;
  idleConnections: readonly number[];
}

export interface Result {
  target: string;
  version: string;
  durability: Durability | 'unknown';
  scenario: string;
  /** Everything that tells this row from others: sizes, window, partitions. */
  parameters: Readonly<Record<string, number | string>>;
  /** The median of the runs, figure by figure. */
  median: Measurement;
  runs: readonly Measurement[];
}

export interface Scenario {
  readonly name: string;
  readonly doc: string;
  /** The durability modes it says something about. */
  readonly durabilities: readonly Durability[];
  run(target: Target, settings: Settings, report: (result: Result) => void): Promise<void>;
}

/** Runs `once` as often as the settings say and reports the medians. */
export async function repeat(
  context: { target: Target; settings: Settings; report: (result: Result) => void },
  row: { scenario: string; parameters: Result['parameters'] },
  once: (run: number) => Promise<Measurement>,
): Promise<void> {
  const { target, settings, report } = context;
  const runs: Measurement[] = [];
  for (let run = 0; run < settings.runs; run += 1) {
    runs.push(await once(run));
    const described = Object.entries(row.parameters).map(([name, value]) => `${name}=${value}`);
    const last = runs.at(-1)!;
    progress(
      `${target.name} ${target.durability} ${row.scenario} ${described.join(' ')} run ${run + 1}/${settings.runs}: ` +
        `${last.mbPerSecond.toFixed(0)} MB/s, ${last.recordsPerSecond.toFixed(0)} records/s, ` +
        `p99 ${last.latency.p99Ms.toFixed(2)} ms, broker ${last.brokerCpuPercent.toFixed(0)} %, ` +
        `generator ${last.generatorCpuPercent.toFixed(0)} %`,
    );
  }
  const { name, version, durability } = target;
  report({ target: name, version, durability, ...row, median: medianOf(runs), runs });
}

export function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

let topics = 0;

/** A topic name that no earlier run, also of another process, has used. */
export function freshTopic(scenario: string): string {
  topics += 1;
  return `bench-${scenario}-${process.pid}-${Date.now().toString(36)}-${topics}`;
}

function medianOf(runs: readonly Measurement[]): Measurement {
  const of = (read: (run: Measurement) => number) => median(runs.map(read));
  return {
    seconds: of((run) => run.seconds),
    mbPerSecond: of((run) => run.mbPerSecond),
    recordsPerSecond: of((run) => run.recordsPerSecond),
    batchesPerSecond: of((run) => run.batchesPerSecond),
    brokerCpuPercent: of((run) => run.brokerCpuPercent),
    cpuMicrosPerMb: of((run) => run.cpuMicrosPerMb),
    cpuMicrosPerRecord: of((run) => run.cpuMicrosPerRecord),
    mbPerCpuSecond: of((run) => run.mbPerCpuSecond),
    recordsPerCpuSecond: of((run) => run.recordsPerCpuSecond),
    generatorCpuPercent: of((run) => run.generatorCpuPercent),
    rssMib: of((run) => run.rssMib),
    rssPeakMib: of((run) => run.rssPeakMib),
    latency: medianLatency(runs),
  };
}

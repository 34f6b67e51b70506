/** Results as tables on standard output. */
import { describeMachine } from '../lib/machine.ts';
import { formatNumber, formatTable } from '../lib/table.ts';
import type { Measurement } from './measure.ts';
import type { Result, Settings } from './scenario.ts';

export function printResults(settings: Settings, results: readonly Result[]): void {
  const machine = describeMachine();
  const versions = new Set(results.map((result) => `${result.target} ${result.version}`));
  const lines = [
    '',
    `${machine.cpu}, ${machine.cpuCount} CPUs, ${machine.memoryGib} GiB, ${machine.system}, ${machine.network}, load average ${machine.load}`,
    `load generator: Node ${machine.node}, ${settings.connections} connections, acks=all, prebuilt requests`,
    ...versions,
    `median of ${settings.runs} run(s) of ${settings.seconds} s after ${settings.warmUpSeconds} s of warm-up; 1 MB = 1,000,000 bytes of record batches`,
    'CPU is the broker process in µs, all threads; latency is request to acknowledgement, in "latency" rows produce to consume',
    '',
    formatTable(COLUMNS, results.map(cells)),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

const COLUMNS = [
  'broker',
  'durability',
  'scenario',
  'load',
  'MB/s',
  'records/s',
  'batches/s',
  'CPU %',
  'µs/MB',
  'µs/record',
  'p50 ms',
  'p99 ms',
  'p99.9 ms',
  'RSS MiB',
  'peak MiB',
  'generator CPU %',
];

function cells(result: Result): string[] {
  const { median } = result;
  const numbers = [
    median.mbPerSecond,
    median.recordsPerSecond,
    median.batchesPerSecond,
    median.brokerCpuPercent,
    median.cpuMicrosPerMb,
    median.cpuMicrosPerRecord,
    median.latency.p50Ms,
    median.latency.p99Ms,
    median.latency.p999Ms,
    median.rssMib,
    median.rssPeakMib,
    median.generatorCpuPercent,
  ];
  return [
    result.target,
    result.durability,
    result.scenario,
    describeLoad(result.parameters),
    ...numbers.map(formatNumber),
  ];
}

function describeLoad(parameters: Result['parameters']): string {
  const p = parameters;
  const parts: string[] = [];
  if (p['recordsPerBatch'] !== undefined)
    parts.push(`${p['recordsPerBatch']} x ${p['recordBytes']} B`);
  else parts.push(`${p['recordBytes']} B`);
  if (p['recordsPerSecond'] !== undefined) parts.push(`at ${p['recordsPerSecond']}/s`);
  if (p['idleConnections']) parts.push(`${p['idleConnections']} idle`);
  if (p['partitions'] !== undefined && p['partitions'] !== 1)
    parts.push(`${p['partitions']} partitions`);
  if (p['batchesPerRequest'] !== undefined && p['batchesPerRequest'] !== 1) {
    parts.push(`${p['batchesPerRequest']}/request`);
  }
  if (p['batchesPerFetch'] !== undefined) parts.push(`${p['batchesPerFetch']}/fetch`);
  if (p['connections'] !== undefined) parts.push(`W ${p['connections']}x${p['inFlight']}`);
  return parts.join(', ');
}

/** PolyMQ over each other broker, row by row: above 1 PolyMQ is better, also for latency. */
export function printRatios(results: readonly Result[]): void {
  const ours = results.filter((result) => result.target === 'polymq');
  const others = results.filter((result) => result.target !== 'polymq');
  const rows: string[][] = [];
  for (const other of others) {
    const same = ours.find(
      (mine) =>
        mine.scenario === other.scenario &&
        JSON.stringify(mine.parameters) === JSON.stringify(other.parameters) &&
        (mine.durability === other.durability || other.durability === 'unknown'),
    );
    if (same) rows.push(ratioCells(same, other));
  }
  if (rows.length === 0) return;
  const columns = [
    'polymq /',
    'durability',
    'scenario',
    'load',
    'per CPU-second',
    'per second',
    'p99',
  ];
  process.stdout.write(`\n${formatTable(columns, rows)}\n`);
}

function ratioCells(ours: Result, other: Result): string[] {
  const ratio = (read: (median: Measurement) => number) => read(ours.median) / read(other.median);
  const paced = ours.parameters['recordsPerSecond'] !== undefined;
  return [
    other.target,
    ours.durability,
    ours.scenario,
    describeLoad(ours.parameters),
    `${formatNumber(ratio((each) => each.recordsPerCpuSecond))}x`,
    paced ? '-' : `${formatNumber(ratio((each) => each.recordsPerSecond))}x`,
    `${formatNumber(1 / ratio((each) => each.latency.p99Ms))}x`,
  ];
}

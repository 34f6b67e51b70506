/** Results as tables on standard output. */
import { headLines, type Settings } from '../lib/report.ts';
import { describeAim, formatNumber, formatTable, times } from '../lib/table.ts';
import type { Shape } from './load.ts';
import type { Measurement } from './measure.ts';

export interface Result {
  target: string;
  version: string;
  scenario: string;
  /** What is aimed at, as a multiple of RabbitMQ's rate. */
  aim: number | undefined;
  parameters: Shape;
  /** The median of the runs, figure by figure. */
  median: Measurement;
  runs: readonly Measurement[];
}

const COLUMNS = [
  'broker',
  'scenario',
  'load',
  'messages/s',
  'CPU s/million',
  'CPU %',
  'p50 ms',
  'p99 ms',
  'max ms',
  'RSS MiB',
  'generator CPU %',
];

export function printResults(settings: Settings, results: readonly Result[]): void {
  const lines = [
    ...headLines(settings, results, {
      generator: "frames built beforehand, every message's number checked",
      meaning:
        'messages/s are deliveries; CPU is all of the broker; latency is publish to confirm, or to the consumer where nothing is confirmed',
    }),
    formatTable(COLUMNS, results.map(cells)),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function cells({ target, scenario, parameters, median }: Result): string[] {
  const numbers = [
    median.messagesPerSecond,
    median.cpuMicrosPerMessage,
    median.brokerCpuPercent,
    median.latency.p50Ms,
    median.latency.p99Ms,
    median.latency.maxMs,
    median.rssMib,
    median.generatorCpuPercent,
  ];
  return [target, scenario, describeShape(parameters), ...numbers.map(formatNumber)];
}

export function describeShape(shape: Shape): string {
  const acks =
    shape.acks === 'none' ? 'no acks' : shape.acks === 'each' ? 'acks' : `acks/${shape.acks}`;
  return [
    shape.pairs === 1 ? '1 pair' : `${shape.pairs} pairs`,
    `${shape.bodyBytes} B`,
    shape.confirms ? `confirms, ${acks}` : acks,
    shape.ratePerSecond === undefined ? `W ${shape.window}` : `at ${shape.ratePerSecond}/s`,
  ].join(', ');
}

/** PolyMQ over each other broker, row by row: above 1 PolyMQ is better, also for latency. */
export function printRatios(results: readonly Result[]): void {
  const rows: string[][] = [];
  for (const other of results) {
    if (other.target === 'polymq') continue;
    const ours = results.find(
      (each) => each.target === 'polymq' && each.scenario === other.scenario,
    );
    if (ours) rows.push(ratioCells(ours, other));
  }
  if (rows.length === 0) return;
  const columns = ['polymq /', 'scenario', 'per second', 'per CPU-second', 'p50', 'p99', 'aim'];
  process.stdout.write(`\n${formatTable(columns, rows)}\n`);
}

function ratioCells(ours: Result, other: Result): string[] {
  const ratio = (read: (median: Measurement) => number) => read(ours.median) / read(other.median);
  const paced = ours.parameters.ratePerSecond !== undefined;
  const perSecond = ratio((each) => each.messagesPerSecond);
  const perCpuSecond = ratio((each) => each.messagesPerCpuSecond);
  return [
    other.target,
    ours.scenario,
    paced ? '-' : times(perSecond),
    times(perCpuSecond),
    times(1 / ratio((each) => each.latency.p50Ms)),
    times(1 / ratio((each) => each.latency.p99Ms)),
    describeAim(ours.aim, Math.min(perSecond, perCpuSecond)),
  ];
}

/** Results as tables on standard output. */
import { headLines, type Settings } from '../lib/report.ts';
import { formatNumber, formatTable, times } from '../lib/table.ts';
import type { IdleMeasurement } from './idle.ts';
import type { Shape } from './load.ts';
import type { Measurement } from './measure.ts';
import type { Goal } from './scenarios.ts';

export interface Result {
  target: string;
  version: string;
  scenario: string;
  goal: Goal | undefined;
  parameters: Shape;
  /** The median of the runs, figure by figure. */
  median: Measurement;
  runs: readonly Measurement[];
}

export interface IdleResult {
  target: string;
  version: string;
  scenario: string;
  goal: Goal;
  measured: IdleMeasurement;
}

const COLUMNS = [
  'broker',
  'scenario',
  'load',
  'messages/s',
  'requests/s',
  'CPU s/million',
  'CPU %',
  'p50 ms',
  'p99 ms',
  'max ms',
  'RSS MiB',
  'generator CPU %',
  'goal',
];
const IDLE_COLUMNS = [
  'broker',
  'scenario',
  'long polls',
  'RSS before MiB',
  'growth MiB',
  'KiB each',
  'CPU %',
  'goal',
];

export function printResults(settings: Settings, results: readonly Result[]): void {
  const lines = [
    ...headLines(settings, results, {
      generator: "requests built beforehand, every message's number and body checked",
      meaning:
        'latency is of one request, of receiving and deleting together, or in "latency" from when a message was due to when it came',
    }),
    formatTable(COLUMNS, results.map(cells)),
  ];
  if (results.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
}

export function printIdle(results: readonly IdleResult[]): void {
  if (results.length === 0) return;
  const rows = results.map(({ target, scenario, goal, measured }) => [
    target,
    scenario,
    ...[
      measured.polls,
      measured.rssBeforeMib,
      measured.growthMib,
      measured.kibPerPoll,
      measured.brokerCpuPercent,
    ].map(formatNumber),
    target === 'polymq' ? describeIdleGoal(goal, measured) : '',
  ]);
  process.stdout.write(`\n${formatTable(IDLE_COLUMNS, rows)}\n`);
}

function cells({ target, scenario, goal, parameters, median }: Result): string[] {
  const numbers = [
    median.messagesPerSecond,
    median.requestsPerSecond,
    median.cpuMicrosPerMessage,
    median.brokerCpuPercent,
    median.latency.p50Ms,
    median.latency.p99Ms,
    median.latency.maxMs,
    median.rssMib,
    median.generatorCpuPercent,
  ];
  return [
    target,
    scenario,
    describeShape(parameters),
    ...numbers.map(formatNumber),
    target === 'polymq' ? describeGoal(goal, median) : '',
  ];
}

export function describeShape(shape: Shape): string {
  const { connections, batch, bodyBytes, queues, ratePerSecond } = shape;
  return [
    connections === 1 ? '1 connection' : `${connections} connections`,
    ...(batch === 1 ? [] : [`by ${batch}`]),
    `${bodyBytes} B`,
    ...(queues === 1 ? [] : [`${queues} queues`]),
    ...(ratePerSecond === undefined ? [] : [`at ${ratePerSecond}/s`]),
  ].join(', ');
}

function describeGoal(goal: Goal | undefined, median: Measurement): string {
  if (!goal) return '';
  if ('messagesPerSecondMin' in goal) {
    const min = goal.messagesPerSecondMin;
    return told(`>= ${formatNumber(min)}/s`, median.messagesPerSecond >= min);
  }
  if (!('p99MsMax' in goal)) return '';
  return told(`p99 < ${goal.p99MsMax} ms`, median.latency.p99Ms < goal.p99MsMax);
}

function describeIdleGoal(goal: Goal, measured: IdleMeasurement): string {
  if (!('growthMibMax' in goal)) return '';
  const { growthMibMax, cpuPercentMax } = goal;
  const reached = measured.growthMib < growthMibMax && measured.brokerCpuPercent <= cpuPercentMax;
  return told(`< ${growthMibMax} MiB, <= ${cpuPercentMax} % CPU`, reached);
}

function told(goal: string, reached: boolean): string {
  return `${goal}: ${reached ? 'reached' : 'MISSED'}`;
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
  const columns = ['polymq /', 'scenario', 'per second', 'per CPU-second', 'p50', 'p99'];
  process.stdout.write(`\n${formatTable(columns, rows)}\n`);
}

function ratioCells(ours: Result, other: Result): string[] {
  const ratio = (read: (median: Measurement) => number) => read(ours.median) / read(other.median);
  const paced = ours.parameters.ratePerSecond !== undefined;
  return [
    other.target,
    ours.scenario,
    paced ? '-' : times(ratio((each) => each.messagesPerSecond)),
    times(ratio((each) => each.messagesPerCpuSecond)),
    times(1 / ratio((each) => each.latency.p50Ms)),
    times(1 / ratio((each) => each.latency.p99Ms)),
  ];
}

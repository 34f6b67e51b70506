/** Results of publish/subscribe benchmarks as tables on standard output. */
import { headLines, type Settings } from '../report.ts';
import { describeAim, formatNumber, formatTable, times } from '../table.ts';
import type { IdleMeasurement } from './idle.ts';
import type { LiveShape } from './load.ts';
import type { LiveMeasurement } from './measure.ts';
import type { IdleScenario } from './scenarios.ts';

export interface LiveResult<Shape extends LiveShape> {
  target: string;
  version: string;
  scenario: string;
  aim: number | undefined;
  durability: string;
  parameters: Shape;
  /** The median of the runs, figure by figure. */
  median: LiveMeasurement;
  runs: readonly LiveMeasurement[];
}

export interface IdleResult {
  target: string;
  version: string;
  scenario: IdleScenario;
  measured: IdleMeasurement;
}

const COLUMNS = [
  'broker',
  'scenario',
  'load',
  'deliveries/s',
  'CPU µs/delivery',
  'broker CPU %',
  'RSS MiB',
  'generator CPU %',
];
const RATIO_COLUMNS = ['polymq /', 'scenario', 'per second', 'per CPU-second', 'aim'];
const IDLE_COLUMNS = [
  'broker',
  'scenario',
  'connections',
  'RSS before MiB',
  'RSS MiB',
  'KiB each',
  'CPU %',
  'goal',
];

export function printLive<Shape extends LiveShape>(
  settings: Settings,
  results: readonly LiveResult<Shape>[],
  describe: (shape: Shape) => string,
): void {
  if (results.length === 0) return;
  const promises = new Map<string, string[]>();
  for (const { scenario, durability } of results) {
    const names = promises.get(durability) ?? [];
    if (!names.includes(scenario)) names.push(scenario);
    promises.set(durability, names);
  }
  const lines = [
    ...headLines(settings, results, {
      generator: 'frames built beforehand, every delivery counted',
      meaning:
        'a delivery is a message that one subscriber gets; W messages are in flight, counted from the slowest subscriber; CPU is all of the broker',
    }),
    formatTable(
      COLUMNS,
      results.map(({ target, scenario, parameters, median }) => [
        target,
        scenario,
        describe(parameters),
        ...[
          median.deliveriesPerSecond,
          median.cpuMicrosPerDelivery,
          median.brokerCpuPercent,
          median.rssMib,
          median.generatorCpuPercent,
        ].map(formatNumber),
      ]),
    ),
    '',
    ...Array.from(promises, ([durability, names]) => `${names.join(', ')}: ${durability}`),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

export function describeShape(shape: LiveShape): string {
  const { publishers, subscribers, payloadBytes, window } = shape;
  return `W ${window}, ${publishers} → ${subscribers}, ${payloadBytes} B`;
}

/** PolyMQ over each other broker, row by row: above 1 PolyMQ is better. */
export function printLiveRatios<Shape extends LiveShape>(
  results: readonly LiveResult<Shape>[],
): void {
  const rows: string[][] = [];
  for (const other of results) {
    if (other.target === 'polymq') continue;
    const ours = results.find(
      (each) => each.target === 'polymq' && each.scenario === other.scenario,
    );
    if (!ours) continue;
    const ratio = (read: (median: LiveMeasurement) => number) =>
      read(ours.median) / read(other.median);
    const perSecond = ratio((each) => each.deliveriesPerSecond);
    const perCpuSecond = ratio((each) => each.deliveriesPerCpuSecond);
    const aim = other.target === 'null' ? undefined : ours.aim;
    rows.push([
      other.target,
      ours.scenario,
      times(perSecond),
      times(perCpuSecond),
      describeAim(aim, Math.min(perSecond, perCpuSecond)),
    ]);
  }
  if (rows.length > 0) process.stdout.write(`\n${formatTable(RATIO_COLUMNS, rows)}\n`);
}

export function printIdle(results: readonly IdleResult[]): void {
  if (results.length === 0) return;
  const rows = results.map(({ target, scenario, measured }) => {
    const { connections, rssBeforeMib, rssMib, kibEach, brokerCpuPercent } = measured;
    const reached = rssMib < scenario.rssMibMax ? 'reached' : 'MISSED';
    return [
      target,
      scenario.name,
      ...[connections, rssBeforeMib, rssMib, kibEach, brokerCpuPercent].map(formatNumber),
      target === 'polymq' ? `< ${scenario.rssMibMax} MiB: ${reached}` : '',
    ];
  });
  process.stdout.write(`\n${formatTable(IDLE_COLUMNS, rows)}\n`);
}

/**
 * What the benchmarks of publish/subscribe protocols have in common: their options, and each scenario run against
 * PolyMQ and its peer in alternation, each broker in a process of its own, the load coming from this one.
 *
 * The peer takes part where it is installed. `--null` shows what the generator can do; where a row's
 * generator is near 100 % and its broker is not, that row says something about the generator.
 */
import { parseArgs } from 'node:util';
import { pidsOf, positive, progress, type Settings, settingsOf, writeReport } from '../report.ts';
import { runningTarget, startNullTarget, startPolymqTarget, type Target } from '../targets.ts';
import { measureIdle } from './idle.ts';
import { type Dialect, LiveLoad, type LiveShape } from './load.ts';
import { type LiveMeasurement, measureLive, medianOfLive } from './measure.ts';
import {
  type IdleResult,
  type LiveResult,
  printIdle,
  printLive,
  printLiveRatios,
} from './report.ts';
import type { IdleScenario, LiveScenario } from './scenarios.ts';
import type { Wire } from './wire.ts';

export interface LiveBench<Shape extends LiveShape> {
  /** Of the command, and the scheme of `--listen`. */
  readonly name: string;
  readonly scenarios: readonly LiveScenario<Shape>[];
  /** Scenarios that a fresh broker is warmed up with: its runtime has compiled nothing yet. */
  readonly warmUps: readonly string[];
  readonly dialect: Dialect<Shape>;
  describe(shape: Shape): string;
  readonly peer: {
    /** Its name, also as a flag. */
    readonly name: string;
    readonly doc: string;
    readonly defaultPort: number;
    /** Why it cannot be run here. */
    missing(): string | undefined;
    start(): Promise<Target>;
  };
  readonly nullUrl: string;
  /** What the program that only moves bytes can do. */
  nullKnows(shape: Shape): boolean;
  readonly idle?: {
    readonly scenario: IdleScenario;
    join(wire: Wire, index: number): Promise<unknown>;
  };
}

interface Choice {
  polymq: boolean;
  peer: boolean;
  null: boolean;
  address: string | undefined;
  pids: readonly number[];
  data: string | undefined;
}

const FIRST_WARM_UP_SECONDS = 3;

export async function runLiveBench<Shape extends LiveShape>(
  bench: LiveBench<Shape>,
  args: string[],
): Promise<number> {
  const { values } = parseArgs({ args, allowNegative: true, options: optionsOf(bench) });
  if (values.help) {
    process.stdout.write(helpOf(bench));
    return 0;
  }
  const settings = settingsOf(values);
  const only = values.only?.split(',');
  const chosen = (each: { name: string; quick: boolean }) =>
    only ? only.includes(each.name) : !values.quick || each.quick;
  const scenarios = bench.scenarios.filter(chosen);
  const idle = bench.idle && chosen(bench.idle.scenario) ? bench.idle : undefined;
  if (scenarios.length === 0 && !idle) {
    throw new Error(`--only ${values.only} names no scenario\n\n${helpOf(bench)}`);
  }
  const run = new LiveRun(bench, settings);
  try {
    await run.start({
      polymq: values.polymq,
      peer: (values as Record<string, unknown>)[bench.peer.name] !== false,
      null: values.null,
      address: values.peer,
      pids: pidsOf(values['peer-pid']),
      data: values.data,
    });
    const { connections } = values;
    // First, while memory is as a fresh broker has it.
    if (idle) await run.compareIdle(connections);
    await run.warmUp();
    for (const scenario of scenarios) await run.compare(scenario);
  } finally {
    await run.stop();
  }
  const { results, idleResults, failures } = run;
  printLive(settings, results, bench.describe);
  printIdle(idleResults);
  printLiveRatios(results);
  return writeReport(bench.name, values.json, { settings, results, idleResults, failures });
}

function optionsOf(bench: { peer: { name: string } }) {
  return {
    help: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    runs: { type: 'string' },
    seconds: { type: 'string' },
    connections: { type: 'string' },
    durability: { type: 'string', default: 'fsync' },
    peer: { type: 'string' },
    'peer-pid': { type: 'string' },
    null: { type: 'boolean', default: false },
    polymq: { type: 'boolean', default: true },
    data: { type: 'string' },
    json: { type: 'string' },
    [bench.peer.name]: { type: 'boolean', default: true },
  } as const;
}

function helpOf<Shape extends LiveShape>(bench: LiveBench<Shape>): string {
  const { name, scenarios, idle, peer } = bench;
  const names = [...(idle ? [idle.scenario] : []), ...scenarios].map((each) => each.name);
  const connections = idle
    ? `  --connections N     idle connections (default ${idle.scenario.connections})\n`
    : '';
  return `npm run bench -- ${name} [options]

  --quick             a short run: the most telling scenarios, 1 run of 1 s each
  --only LIST         of: ${names.join(', ')}
  --runs N            runs per figure; the median is shown (default 3)
  --seconds S         measured time per run (default 3)
${connections}  --durability MODE   of PolyMQ: fsync, os or memory (default fsync)
  --no-${peer.name.padEnd(15)}without ${peer.doc}
  --peer ADDRESS      also a broker that is running already: host:port
  --peer-pid LIST     its process ids, for CPU and memory
  --null              also a program that only moves bytes: the limit of the generator
  --no-polymq         only the others
  --data DIR          where PolyMQ's data folder is made (default: the temporary folder)
  --json FILE         default: bench/results/${name}-<time>.json
`;
}

class LiveRun<Shape extends LiveShape> {
  readonly results: LiveResult<Shape>[] = [];
  readonly idleResults: IdleResult[] = [];
  readonly failures: string[] = [];
  readonly #bench: LiveBench<Shape>;
  readonly #settings: Settings;
  readonly #targets: Target[] = [];

  constructor(bench: LiveBench<Shape>, settings: Settings) {
    this.#bench = bench;
    this.#settings = settings;
  }

  async start(choice: Choice): Promise<void> {
    const { name, peer, nullUrl } = this.#bench;
    const { durability } = this.#settings;
    const targets = this.#targets;
    const missing = choice.peer ? peer.missing() : undefined;
    if (missing) progress(`skipped: ${missing}`);
    if (choice.polymq) {
      targets.push(await startPolymqTarget(name, { durability, dataRoot: choice.data }));
    }
    if (choice.peer && !missing) targets.push(await peer.start());
    if (choice.address) {
      const usual = { scheme: name, port: peer.defaultPort };
      targets.push(runningTarget(choice.address, usual, choice.pids));
    }
    if (choice.null) targets.push(await startNullTarget(nullUrl));
  }

  async warmUp(): Promise<void> {
    const { scenarios, warmUps } = this.#bench;
    const times = { warmUpSeconds: 0, seconds: FIRST_WARM_UP_SECONDS / warmUps.length };
    for (const target of this.#targets) {
      for (const name of warmUps) {
        const { shape } = scenarios.find((each) => each.name === name)!;
        if (!this.#knows(target, shape)) continue;
        await this.#attempt(target, `warm-up with ${name}`, async () => {
          await this.#measure(target, shape, times);
        });
      }
    }
  }

  /** One scenario against every broker, in alternation. */
  async compare(scenario: LiveScenario<Shape>): Promise<void> {
    const { name, shape, aim, durability } = scenario;
    const targets = this.#targets.filter((target) => this.#knows(target, shape));
    const runs = new Map<Target, LiveMeasurement[]>();
    const { runs: runCount } = this.#settings;
    for (let i = 0; i < runCount; i += 1) {
      for (const target of targets) {
        await this.#attempt(target, name, async () => {
          const one = await this.#measure(target, shape, this.#settings);
          runs.set(target, [...(runs.get(target) ?? []), one]);
          progress(`${target.name} ${name} run ${i + 1}/${runCount}: ${describe(one)}`);
        });
      }
    }
    for (const [target, measured] of runs) {
      this.results.push({
        target: target.name,
        version: target.version,
        scenario: name,
        aim,
        durability,
        parameters: shape,
        median: medianOfLive(measured),
        runs: measured,
      });
    }
  }

  async compareIdle(connections: string | undefined): Promise<void> {
    const { scenario, join } = this.#bench.idle!;
    const count =
      connections === undefined ? scenario.connections : positive('connections', connections);
    for (const target of this.#targets) {
      if (target.name === 'null') continue;
      await this.#attempt(target, scenario.name, async () => {
        const measured = await measureIdle(target, count, this.#settings.seconds, join);
        progress(
          `${target.name} ${scenario.name}: ${count} connections in ${Math.round(measured.openMs)} ms, ` +
            `${measured.rssMib.toFixed(0)} MiB, ${measured.brokerCpuPercent.toFixed(2)} % CPU`,
        );
        const { name, version } = target;
        this.idleResults.push({ target: name, version, scenario, measured });
      });
    }
  }

  async stop(): Promise<void> {
    for (const target of this.#targets) await target.stop();
  }

  #knows(target: Target, shape: Shape): boolean {
    return target.name !== 'null' || this.#bench.nullKnows(shape);
  }

  async #measure(
    target: Target,
    shape: Shape,
    times: { warmUpSeconds: number; seconds: number },
  ): Promise<LiveMeasurement> {
    const load = await LiveLoad.open(target, this.#bench.dialect, shape);
    try {
      return await measureLive(target, load, times);
    } finally {
      load.destroy();
    }
  }

  /** When one fails, the other figures are still worth having. */
  async #attempt(target: Target, name: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.failures.push(`${target.name} ${name}: ${String(error)}`);
      progress(`failed: ${this.failures.at(-1)}`);
    }
  }
}

function describe(one: LiveMeasurement): string {
  return (
    `${Math.round(one.deliveriesPerSecond)} deliveries/s, ${one.cpuMicrosPerDelivery.toFixed(3)} CPU µs each, ` +
    `broker ${one.brokerCpuPercent.toFixed(0)} %, generator ${one.generatorCpuPercent.toFixed(0)} %`
  );
}

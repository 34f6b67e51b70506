/**
 * `npm run bench -- amqp`: how fast, how quick and at what cost the AMQP side of the broker is.
 *
 * Each broker runs in processes of its own on an empty data folder; the load comes from this process. With
 * `--rabbitmq` or `--peer` each scenario runs against both, one right after the other, and a second table
 * gives the ratios. `--null` shows what the generator can do; where a row's generator is near 100 %
 * and its broker is not, that row says something about the generator.
 */
import { parseArgs } from 'node:util';
import { rabbitmqMissing } from '../../packages/polymq/test/support/rabbitmq.ts';
import { pidsOf, progress, type Settings, settingsOf, writeReport } from '../lib/report.ts';
import type { Target } from '../lib/targets.ts';
import { openLoad } from './load.ts';
import { type Measurement, measure, medianOf } from './measure.ts';
import { printRatios, printResults, type Result } from './report.ts';
import { SCENARIOS, type Scenario } from './scenarios.ts';
import { nullTarget, peerTarget, polymqTarget, rabbitmqTarget } from './targets.ts';

const HELP = `npm run bench -- amqp [options]

  --quick             a short run: the most telling scenarios, 1 run of 1 s each
  --only LIST         of: ${SCENARIOS.map((each) => each.name).join(', ')}
  --runs N            runs per figure; the median is shown (default 3)
  --seconds S         measured time per run (default 3)
  --durability MODE   of PolyMQ: fsync, os or memory (default fsync)
  --rabbitmq          also RabbitMQ, started here (Debian's package)
  --peer URL          also a broker that is running already: amqp://host:port
  --peer-pid LIST     its process ids, for CPU and memory
  --null              also a program that only moves bytes: the limit of the generator
  --no-polymq         only the others
  --data DIR          where PolyMQ's data folder is made (default: the temporary folder)
  --json FILE         default: bench/results/amqp-<time>.json
`;

const OPTIONS = {
  help: { type: 'boolean', default: false },
  quick: { type: 'boolean', default: false },
  only: { type: 'string' },
  runs: { type: 'string' },
  seconds: { type: 'string' },
  durability: { type: 'string', default: 'fsync' },
  rabbitmq: { type: 'boolean', default: false },
  peer: { type: 'string' },
  'peer-pid': { type: 'string' },
  null: { type: 'boolean', default: false },
  polymq: { type: 'boolean', default: true },
  data: { type: 'string' },
  json: { type: 'string' },
} as const;

/** The runtime of a fresh broker has compiled nothing yet. */
const FIRST_WARM_UP_SECONDS = 3;

export async function benchAmqp(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, allowNegative: true, options: OPTIONS });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const settings = settingsOf(values);
  const only = values.only?.split(',');
  const scenarios = SCENARIOS.filter((each) =>
    only ? only.includes(each.name) : !values.quick || each.quick,
  );
  if (scenarios.length === 0) throw new Error(`--only ${values.only} names no scenario\n\n${HELP}`);
  const run = new BenchRun(settings);
  try {
    await run.start(values);
    for (const scenario of scenarios) await run.compare(scenario);
  } finally {
    await run.stop();
  }
  printResults(settings, run.results);
  printRatios(run.results);
  const { results, failures } = run;
  return writeReport('amqp', values.json, { settings, results, failures });
}

interface Choice {
  polymq: boolean;
  rabbitmq: boolean;
  null: boolean;
  peer?: string | undefined;
  'peer-pid'?: string | undefined;
  data?: string | undefined;
}

class BenchRun {
  readonly results: Result[] = [];
  readonly failures: string[] = [];
  readonly #settings: Settings;
  readonly #targets: Target[] = [];

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  async start(choice: Choice): Promise<void> {
    const { durability } = this.#settings;
    const targets = this.#targets;
    if (choice.polymq) targets.push(await polymqTarget({ durability, dataRoot: choice.data }));
    const missing = choice.rabbitmq ? rabbitmqMissing() : undefined;
    if (missing) progress(`skipped: ${missing}`);
    else if (choice.rabbitmq) targets.push(await rabbitmqTarget());
    if (choice.peer) {
      targets.push(peerTarget(choice.peer, pidsOf(choice['peer-pid'])));
    }
    if (choice.null) targets.push(await nullTarget());
    for (const target of targets) await this.#warmUp(target);
  }

  /** One scenario against every broker. */
  async compare(scenario: Scenario): Promise<void> {
    for (const target of this.#targets) {
      // The program that only moves bytes knows no exchanges.
      if (target.name === 'null' && scenario.shape.routing !== 'default') continue;
      try {
        await this.#measure(target, scenario);
      } catch (error) {
        // The other figures are still worth having.
        this.failures.push(`${target.name} ${scenario.name}: ${String(error)}`);
        progress(`failed: ${this.failures.at(-1)}`);
      }
    }
  }

  async stop(): Promise<void> {
    for (const target of this.#targets) await target.stop();
  }

  async #warmUp(target: Target): Promise<void> {
    for (const name of ['transient-each', 'durable']) {
      const { shape } = SCENARIOS.find((each) => each.name === name)!;
      const times = { warmUpSeconds: 0, seconds: FIRST_WARM_UP_SECONDS / 2 };
      await measure(target, await openLoad(target, shape), times);
    }
  }

  async #measure(target: Target, scenario: Scenario): Promise<void> {
    const runs: Measurement[] = [];
    for (let i = 0; i < this.#settings.runs; i += 1) {
      const load = await openLoad(target, scenario.shape);
      const one = await measure(target, load, this.#settings);
      runs.push(one);
      progress(
        `${target.name} ${scenario.name} run ${i + 1}/${this.#settings.runs}: ` +
          `${Math.round(one.messagesPerSecond)} messages/s, ${one.cpuMicrosPerMessage.toFixed(2)} CPU s/million, ` +
          `p50 ${one.latency.p50Ms.toFixed(2)} ms, p99 ${one.latency.p99Ms.toFixed(2)} ms, ` +
          `broker ${one.brokerCpuPercent.toFixed(0)} %, generator ${one.generatorCpuPercent.toFixed(0)} %`,
      );
    }
    const { name: scenarioName, aim, shape } = scenario;
    this.results.push({
      target: target.name,
      version: target.version,
      scenario: scenarioName,
      aim,
      parameters: shape,
      median: medianOf(runs),
      runs,
    });
  }
}

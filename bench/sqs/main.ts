/**
 * `npm run bench -- sqs`: how fast, how quick and at what cost the SQS and SNS side of the broker is.
 *
 * Each broker runs in a process of its own on an empty data folder; the load comes from this process. With
 * `--elasticmq` or `--peer` each scenario runs against both, one right after the other, and a second table
 * gives the ratios. `--null` shows what the generator can do; where a row's generator is near 100 %
 * and its broker is not, that row says something about the generator.
 */
import { parseArgs } from 'node:util';
import {
  pidsOf,
  positive,
  progress,
  type Settings,
  settingsOf,
  writeReport,
} from '../lib/report.ts';
import { elasticmqMissing } from './elasticmq.ts';
import { measureIdle } from './idle.ts';
import { openLoad } from './load.ts';
import { type Measurement, measure, medianOf } from './measure.ts';
import { type IdleResult, printIdle, printRatios, printResults, type Result } from './report.ts';
import { IDLE, type IdleScenario, SCENARIOS, type Scenario } from './scenarios.ts';
import {
  elasticmqTarget,
  nullTarget,
  peerTarget,
  polymqTarget,
  type SqsTarget,
} from './targets.ts';

const HELP = `npm run bench -- sqs [options]

  --quick             a short run: the most telling scenarios, 1 run of 1 s each
  --only LIST         of: ${[...SCENARIOS, IDLE].map((each) => each.name).join(', ')}
  --runs N            runs per figure; the median is shown (default 3)
  --seconds S         measured time per run (default 3)
  --connections N     instead of 16
  --polls N           idle long polls (default ${IDLE.polls})
  --durability MODE   of PolyMQ: fsync, os or memory (default fsync)
  --elasticmq         also ElasticMQ, fetched through Maven and started here (SQS only, in memory)
  --peer ADDRESS      also a broker that is running already: host:port
  --peer-pid LIST     its process ids, for CPU and memory
  --peer-topics       it has SNS on the same port
  --null              also a program that only moves bytes: the limit of the generator
  --no-polymq         only the others
  --data DIR          where PolyMQ's data folder is made (default: the temporary folder)
  --json FILE         default: bench/results/sqs-<time>.json
`;

const OPTIONS = {
  help: { type: 'boolean', default: false },
  quick: { type: 'boolean', default: false },
  only: { type: 'string' },
  runs: { type: 'string' },
  seconds: { type: 'string' },
  connections: { type: 'string' },
  polls: { type: 'string' },
  durability: { type: 'string', default: 'fsync' },
  elasticmq: { type: 'boolean', default: false },
  peer: { type: 'string' },
  'peer-pid': { type: 'string' },
  'peer-topics': { type: 'boolean', default: false },
  null: { type: 'boolean', default: false },
  polymq: { type: 'boolean', default: true },
  data: { type: 'string' },
  json: { type: 'string' },
} as const;

/** The runtime of a fresh broker has compiled nothing yet. */
const FIRST_WARM_UP_SECONDS = 3;
const WARM_UPS = ['send', 'receive', 'send-10'];

export async function benchSqs(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, allowNegative: true, options: OPTIONS });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const settings = settingsOf(values);
  const only = values.only?.split(',');
  const chosen = (each: { name: string; quick: boolean }) =>
    only ? only.includes(each.name) : !values.quick || each.quick;
  const scenarios = SCENARIOS.filter(chosen).map((each) => withConnections(each, values));
  const idle = chosen(IDLE)
    ? { ...IDLE, polls: positive('polls', values.polls ?? String(IDLE.polls)) }
    : undefined;
  if (scenarios.length === 0 && !idle) {
    throw new Error(`--only ${values.only} names no scenario\n\n${HELP}`);
  }
  const run = new BenchRun(settings);
  try {
    await run.start(values);
    // First, while memory is as a fresh broker has it.
    if (idle) await run.compareIdle(idle);
    for (const scenario of scenarios) await run.compare(scenario);
  } finally {
    await run.stop();
  }
  printResults(settings, run.results);
  printIdle(run.idleResults);
  printRatios(run.results);
  const { results, idleResults, failures } = run;
  return writeReport('sqs', values.json, { settings, results, idleResults, failures });
}

function withConnections(scenario: Scenario, values: { connections?: string | undefined }) {
  if (values.connections === undefined || scenario.shape.connections === 1) return scenario;
  const connections = positive('connections', values.connections);
  return { ...scenario, shape: { ...scenario.shape, connections } };
}

interface Choice {
  polymq: boolean;
  elasticmq: boolean;
  null: boolean;
  peer?: string | undefined;
  'peer-pid'?: string | undefined;
  'peer-topics': boolean;
  data?: string | undefined;
}

class BenchRun {
  readonly results: Result[] = [];
  readonly idleResults: IdleResult[] = [];
  readonly failures: string[] = [];
  readonly #settings: Settings;
  readonly #targets: SqsTarget[] = [];

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  async start(choice: Choice): Promise<void> {
    const { durability } = this.#settings;
    const targets = this.#targets;
    if (choice.polymq) targets.push(await polymqTarget({ durability, dataRoot: choice.data }));
    const missing = choice.elasticmq ? elasticmqMissing() : undefined;
    if (missing) progress(`skipped: ${missing}`);
    else if (choice.elasticmq) targets.push(await elasticmqTarget());
    if (choice.peer) {
      const pids = pidsOf(choice['peer-pid']);
      targets.push(peerTarget(choice.peer, { pids, topics: choice['peer-topics'] }));
    }
    if (choice.null) targets.push(await nullTarget());
    for (const target of targets) await this.#warmUp(target);
  }

  /** One scenario against every broker that can do it. */
  async compare(scenario: Scenario): Promise<void> {
    for (const target of this.#targets) {
      const { fifo, kind } = scenario.shape;
      if ((fifo && !target.fifo) || (kind === 'publish' && !target.topics)) continue;
      await this.#attempt(target, scenario.name, () => this.#measure(target, scenario));
    }
  }

  async compareIdle(scenario: IdleScenario): Promise<void> {
    const { name, goal } = scenario;
    for (const target of this.#targets) {
      const polls = Math.min(scenario.polls, target.pollsMax ?? scenario.polls);
      await this.#attempt(target, name, async () => {
        const seconds = Math.max(this.#settings.seconds, 3);
        const measured = await measureIdle(target, polls, seconds);
        progress(
          `${target.name} ${name}: ${polls} polls in ${Math.round(measured.openMs)} ms, ` +
            `${measured.growthMib.toFixed(1)} MiB, ${measured.brokerCpuPercent.toFixed(2)} % CPU`,
        );
        const { version } = target;
        this.idleResults.push({ target: target.name, version, scenario: name, goal, measured });
      });
    }
  }

  async stop(): Promise<void> {
    for (const target of this.#targets) await target.stop();
  }

  /** When one fails, the other figures are still worth having. */
  async #attempt(target: SqsTarget, name: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.failures.push(`${target.name} ${name}: ${String(error)}`);
      progress(`failed: ${this.failures.at(-1)}`);
    }
  }

  async #warmUp(target: SqsTarget): Promise<void> {
    for (const name of WARM_UPS) {
      const scenario = SCENARIOS.find((each) => each.name === name)!;
      const times = { warmUpSeconds: 0, seconds: FIRST_WARM_UP_SECONDS / WARM_UPS.length };
      const fill = (scenario.fillPerSecond ?? 0) * times.seconds;
      await measure(target, await openLoad(target, scenario.shape, fill), times);
    }
  }

  async #measure(target: SqsTarget, scenario: Scenario): Promise<void> {
    const { seconds, warmUpSeconds, runs: runCount } = this.#settings;
    const runs: Measurement[] = [];
    for (let i = 0; i < runCount; i += 1) {
      const fill = (scenario.fillPerSecond ?? 0) * (seconds + warmUpSeconds);
      const load = await openLoad(target, scenario.shape, fill);
      const one = await measure(target, load, this.#settings);
      runs.push(one);
      progress(
        `${target.name} ${scenario.name} run ${i + 1}/${runCount}: ` +
          `${Math.round(one.messagesPerSecond)} messages/s, ${Math.round(one.requestsPerSecond)} requests/s, ` +
          `${one.cpuMicrosPerMessage.toFixed(1)} CPU s/million, ` +
          `p50 ${one.latency.p50Ms.toFixed(2)} ms, p99 ${one.latency.p99Ms.toFixed(2)} ms, ` +
          `broker ${one.brokerCpuPercent.toFixed(0)} %, generator ${one.generatorCpuPercent.toFixed(0)} %`,
      );
    }
    const { name, version } = target;
    const { name: scenarioName, goal, shape } = scenario;
    const median = medianOf(runs);
    this.results.push({
      target: name,
      version,
      scenario: scenarioName,
      goal,
      parameters: shape,
      median,
      runs,
    });
  }
}

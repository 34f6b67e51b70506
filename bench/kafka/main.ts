/**
 * `npm run bench -- kafka`: how fast, how quick and at what cost the Kafka side of the broker is.
 *
 * The broker runs in a process of its own, once per durability mode, on an empty data folder. This process
 * sends requests that were built beforehand, so that the broker is the bottleneck; where the last column shows
 * the generator near 100 % and the broker far below, the figure is the generator's. With `--apache`
 * or `--peer` the same load runs against another Kafka, and a second table gives ratios per CPU-second.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { apacheKafkaMissing } from '../../packages/polymq/test/support/apache-kafka.ts';
import { describeMachine } from '../lib/machine.ts';
import { REAL_CLIENTS } from './real-clients.ts';
import { printRatios, printResults } from './report.ts';
import { progress, type Result, type Settings } from './scenario.ts';
import { SCENARIOS, warmUp } from './scenarios.ts';
import { apacheTarget, type Durability, peerTarget, polymqTarget, type Target } from './targets.ts';

const HELP = `npm run bench -- kafka [options]

  --quick              a short run: fewer sizes, 1 run of 1 s each
  --only LIST          of: ${SCENARIOS.map((each) => each.name).join(', ')}
  --durability LIST    of: fsync, os, memory (default: all)
  --runs N             runs per figure; the median is shown (default 3)
  --seconds S          measured time per run (default 3)
  --connections N      connections of the load generator (default 4)
  --gib-max N          a produce run ends early after this many GiB (default 4)
  --idle LIST          numbers of idle connections beside the latency run (default 100,5000)
  --real-clients       also kafkajs and @platformatic/kafka as they are
  --apache             also Apache Kafka, started here (needs Java 17 and Maven)
  --peer HOST:PORT     also a Kafka that is running already
  --peer-pid PID       its process id, for CPU and memory
  --no-polymq          only the others
  --data DIR           where data folders are made (default: the temporary folder)
  --json FILE          default: bench/results/kafka-<time>.json
`;

export async function benchKafka(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    allowNegative: true,
    options: {
      help: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      durability: { type: 'string', default: 'fsync,os,memory' },
      runs: { type: 'string' },
      seconds: { type: 'string' },
      connections: { type: 'string', default: '4' },
      'gib-max': { type: 'string', default: '4' },
      idle: { type: 'string' },
      'real-clients': { type: 'boolean', default: false },
      apache: { type: 'boolean', default: false },
      peer: { type: 'string' },
      'peer-pid': { type: 'string' },
      polymq: { type: 'boolean', default: true },
      data: { type: 'string' },
      json: { type: 'string' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const settings: Settings = {
    quick: values.quick,
    runs: positive('runs', values.runs ?? (values.quick ? '1' : '3')),
    seconds: positive('seconds', values.seconds ?? (values.quick ? '1' : '3')),
    warmUpSeconds: values.quick ? 0.5 : 1,
    connections: positive('connections', values.connections),
    bytesMax: positive('gib-max', values['gib-max']) * 2 ** 30,
    idleConnections: (values.idle ?? (values.quick ? '100' : '100,5000'))
      .split(',')
      .filter((each) => each !== '')
      .map((each) => positive('idle', each)),
  };
  const durabilities = values.durability.split(',').map(asDurability);
  const only = values.only?.split(',');
  const scenarios = [...SCENARIOS, ...(values['real-clients'] ? REAL_CLIENTS : [])].filter(
    (each) => !only || only.includes(each.name),
  );
  if (scenarios.length === 0) throw new Error(`--only ${values.only} names no scenario\n\n${HELP}`);

  const results: Result[] = [];
  const failures: string[] = [];
  const runAll = async (target: Target, durability: Durability | undefined) => {
    try {
      await warmUp(target, settings);
      for (const scenario of scenarios) {
        if (durability && !scenario.durabilities.includes(durability)) continue;
        progress(`${target.name} ${target.durability}: ${scenario.name} (${scenario.doc})`);
        try {
          await scenario.run(target, settings, (result) => results.push(result));
        } catch (error) {
          // The other figures are still worth having.
          failures.push(`${target.name} ${target.durability} ${scenario.name}: ${String(error)}`);
          progress(`failed: ${failures.at(-1)}`);
        }
      }
    } finally {
      await target.stop();
    }
  };

  const options = { dataRoot: values.data };
  const runPolymq = async (durability: Durability) => {
    if (!scenarios.some((each) => each.durabilities.includes(durability))) return;
    await runAll(await polymqTarget(durability, options), durability);
  };
  const runApache = async (durability: Durability) => {
    if (durability === 'memory') return;
    if (!scenarios.some((each) => each.durabilities.includes(durability))) return;
    await runAll(await apacheTarget(durability, options), durability);
  };
  const missing = values.apache ? apacheKafkaMissing() : undefined;
  if (missing) progress(`skipped: ${missing}`);
  for (const durability of durabilities) {
    if (values.polymq) await runPolymq(durability);
    if (values.apache && !missing) await runApache(durability);
  }
  if (values.peer) {
    const pid = values['peer-pid'] ? positive('peer-pid', values['peer-pid']) : undefined;
    await runAll(peerTarget(values.peer, pid), undefined);
  }

  printResults(settings, results);
  printRatios(results);
  const file =
    values.json ?? `bench/results/kafka-${new Date().toISOString().replace(/[:.]/g, '-')}.json`;
  mkdirSync(dirname(file), { recursive: true });
  const when = new Date().toISOString();
  const report = { when, machine: describeMachine(), settings, results, failures };
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(`\nwritten to ${file}\n`);
  for (const failure of failures) process.stdout.write(`FAILED ${failure}\n`);
  return failures.length === 0 ? 0 : 1;
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} wants a number above zero, not "${text}"`);
  return value;
}

function asDurability(text: string): Durability {
  if (text === 'fsync' || text === 'os' || text === 'memory') return text;
  throw new Error(`--durability knows fsync, os and memory, not "${text}"`);
}

/**
 * `npm run bench -- sdk`: the client with the broker in its own process, which syncs to disk; and with `--wire`, the client over a
 * protocol beside the bare library that it stands on, against the same broker.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { temporaryFolder } from '../../packages/polymq/test/support/temporary-folder.ts';
import { headLines, positive, progress, settingsOf, writeReport } from '../lib/report.ts';
import { median } from '../lib/statistics.ts';
import { formatTable } from '../lib/table.ts';
import type { LoadOrder, LoadResult } from './load.ts';
import { benchWires, WIRES } from './wire/main.ts';

interface Measured {
  readonly scenario: string;
  readonly version: string;
  readonly perS: number;
  /** Of the quickest run: on a shared machine the others tell more of its neighbours. */
  readonly bestPerS: number;
  /** Of the process, broker and all threads; µs per message. */
  readonly cpuUs: number;
}

const USAGE = `usage: npm run bench -- sdk [options]
  --runs N --seconds N --quick   how often and how long (3 runs of 3 s)
  --batch N                      messages per call (1000)
  --in-flight N                  calls at the same time (8)
  --only NAME                    send, receive or consume
  --json FILE                    where everything that was measured goes
  --wire amqp|kafka|sqs|all      instead: over a protocol, as a share of what the bare client library does
`;

const LOAD = fileURLToPath(new URL('./load.ts', import.meta.url));

const REMARKS: Readonly<Record<string, string>> = {
  send: 'durable sends in batches',
  receive: 'send, receive and acknowledge',
  consume: 'send, and a consumer with 100 handlers at the same time',
};

export async function benchSdk(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: 'string' },
      seconds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      batch: { type: 'string', default: '1000' },
      'in-flight': { type: 'string', default: '8' },
      only: { type: 'string' },
      json: { type: 'string' },
      wire: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const settings = settingsOf({ ...values, durability: 'fsync' });
  if (values.wire !== undefined) {
    return benchWires(chosen(WIRES, values.wire, '--wire'), settings, values.json);
  }
  const order: LoadOrder = {
    seconds: settings.seconds,
    batch: positive('batch', values.batch),
    inFlight: positive('in-flight', values['in-flight']),
  };
  const scenarios = chosen(Object.keys(REMARKS), values.only ?? 'all', '--only');
  // One after the other in each round, so that a busy minute of the machine hits all of them.
  const rounds: Measured[] = [];
  for (let round = 1; round <= settings.runs; round += 1) {
    for (const scenario of scenarios) {
      progress(`round ${round}: ${scenario}`);
      rounds.push(await measure(scenario, order));
    }
  }
  const results = scenarios.map((name) => {
    const own = rounds.filter(({ scenario }) => scenario === name);
    return {
      scenario: name,
      version: REMARKS[name]!,
      perS: median(own.map(({ perS }) => perS)),
      bestPerS: Math.max(...own.map(({ perS }) => perS)),
      cpuUs: median(own.map(({ cpuUs }) => cpuUs)),
    };
  });
  const targets = scenarios.map((name) => ({ target: name, version: REMARKS[name]! }));
  print(results, headLines(settings, targets, { generator: 'in the process', meaning: MEANING }));
  return writeReport('sdk', values.json, { settings, failures: [], results, rounds });
}

/** That one, or all. */
function chosen(names: readonly string[], name: string, flag: string): readonly string[] {
  if (name === 'all') return names;
  if (names.includes(name)) return [name];
  throw new Error(`${flag} is one of ${names.join(', ')} or all, not "${name}"`);
}

const MEANING =
  'JSON of 60 bytes, made beforehand; every send is on disk when it counts; CPU of the whole process';

async function measure(scenario: string, order: LoadOrder): Promise<Measured> {
  const data = temporaryFolder('polymq-sdk-');
  try {
    const { messages, seconds, cpuSeconds } = await runLoad(scenario, data.path, order);
    return {
      scenario,
      version: REMARKS[scenario]!,
      perS: messages / seconds,
      bestPerS: messages / seconds,
      cpuUs: (cpuSeconds * 1e6) / messages,
    };
  } finally {
    data.remove();
  }
}

/** In a process of its own. */
async function runLoad(scenario: string, data: string, order: LoadOrder): Promise<LoadResult> {
  const args = ['--import', import.meta.resolve('tsx'), LOAD, scenario, data];
  const child = spawn(process.execPath, [...args, JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(output) as LoadResult);
      else reject(new Error(`the load ${scenario} ended with ${code}`));
    });
  });
}

function print(results: readonly Measured[], head: readonly string[]): void {
  const rows = results.map(({ scenario, perS, bestPerS, cpuUs, version }) => [
    scenario,
    ...[perS, bestPerS].map((value) => Math.round(value).toLocaleString('en')),
    cpuUs.toFixed(2),
    version,
  ]);
  const columns = ['', 'messages/s', 'best run', 'CPU µs', ''];
  process.stdout.write(`${head.join('\n')}\n${formatTable(columns, rows)}\n`);
}

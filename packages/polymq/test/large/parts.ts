/** A large test in parts: its flags, each part after the other on brokers of its own, and what was not as promised. */
import { parseArgs } from 'node:util';
import { type Polymq, startPolymq } from '../support/polymq.ts';
import { say } from './figures.ts';

export interface LargeOptions {
  messages: number;
  /** For parts that go on for a time. */
  seconds: number;
  durability: string;
  dataRoot: string | undefined;
  /** More flags for Node, such as `--cpu-prof`. */
  nodeArgs: readonly string[] | undefined;
}

/** Each resolves with what was not as promised. */
export type Parts = Readonly<Record<string, (options: LargeOptions) => Promise<string[]>>>;

const START_MS_MAX = 180_000;
const SECONDS = 60;

const running = new Set<Polymq>();

/** A broker for one part; it is ended when the part is over. */
export async function startLargeBroker(
  scheme: string,
  data: string,
  { durability, nodeArgs }: LargeOptions,
  args: readonly string[] = [],
): Promise<Polymq> {
  const broker = await startPolymq({
    data,
    listen: [`${scheme}://127.0.0.1:0`],
    args: ['--durability', durability, ...args],
    nodeArgs,
    readyTimeoutMs: START_MS_MAX,
  });
  running.add(broker);
  void broker.exited.then(() => running.delete(broker));
  return broker;
}

/** Runs the parts that `--only` names, or all. Returns the exit code. */
export async function runParts(
  scheme: string,
  parts: Parts,
  args: string[],
  messages: number,
): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      [scheme]: { type: 'boolean' },
      only: { type: 'string', default: Object.keys(parts).join(',') },
      messages: { type: 'string', default: String(messages) },
      seconds: { type: 'string', default: String(SECONDS) },
      durability: { type: 'string', default: 'fsync' },
      data: { type: 'string' },
      'node-args': { type: 'string' },
    },
  });
  const options: LargeOptions = {
    messages: Number(values.messages),
    seconds: Number(values.seconds),
    durability: values.durability as string,
    dataRoot: values.data as string | undefined,
    nodeArgs: (values['node-args'] as string | undefined)?.split(' '),
  };
  const problems: string[] = [];
  for (const name of (values.only as string).split(',')) {
    const part = parts[name];
    if (!part) throw new Error(`--only knows ${Object.keys(parts).join(', ')}, not "${name}"`);
    say(`── ${name} ──`);
    try {
      for (const problem of await part(options)) problems.push(`${name}: ${problem}`);
    } catch (error) {
      problems.push(`${name}: ${error instanceof Error ? error.stack : error}`);
    } finally {
      // What a part that failed has left.
      for (const broker of running) await broker.kill9();
    }
  }
  for (const problem of problems) say(`PROBLEM ${problem}`);
  say(problems.length === 0 ? 'within all limits' : `${problems.length} problems`);
  return problems.length === 0 ? 0 : 1;
}

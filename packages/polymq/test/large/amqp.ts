/**
 * `npm run test:large -- --amqp`: queues of sizes that no other test has.
 *
 *   backlog   ten million messages in one durable queue: memory, rate, restarts, order
 *   many      ten thousand queues and a thousand connections that do nothing
 *   fanout    one message of 1 MiB to a hundred queues is stored once
 *   slow      a consumer that stops reading while a gigabyte is published
 */
import { parseArgs } from 'node:util';
import { backlog } from './amqp-backlog.ts';
import { endBrokers } from './amqp-broker.ts';
import { fanout } from './amqp-fanout.ts';
import { many } from './amqp-many.ts';
import { slow } from './amqp-slow.ts';
import { say } from './figures.ts';

export interface LargeOptions {
  messages: number;
  durability: string;
  dataRoot: string | undefined;
  /** More flags for Node, such as `--cpu-prof`. */
  nodeArgs: readonly string[] | undefined;
}

/** Each resolves with what was not as promised. */
const PARTS: Readonly<Record<string, (options: LargeOptions) => Promise<string[]>>> = {
  backlog,
  many,
  fanout,
  slow,
};

export async function largeAmqp(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      amqp: { type: 'boolean' },
      only: { type: 'string', default: Object.keys(PARTS).join(',') },
      messages: { type: 'string', default: '10000000' },
      durability: { type: 'string', default: 'fsync' },
      data: { type: 'string' },
      'node-args': { type: 'string' },
    },
  });
  const options: LargeOptions = {
    messages: Number(values.messages),
    durability: values.durability,
    dataRoot: values.data,
    nodeArgs: values['node-args']?.split(' '),
  };
  const problems: string[] = [];
  for (const name of values.only.split(',')) {
    const part = PARTS[name];
    if (!part) throw new Error(`--only knows ${Object.keys(PARTS).join(', ')}, not "${name}"`);
    say(`── ${name} ──`);
    try {
      for (const problem of await part(options)) problems.push(`${name}: ${problem}`);
    } catch (error) {
      problems.push(`${name}: ${error instanceof Error ? error.stack : error}`);
    } finally {
      await endBrokers();
    }
  }
  for (const problem of problems) say(`PROBLEM ${problem}`);
  say(problems.length === 0 ? 'within all limits' : `${problems.length} problems`);
  return problems.length === 0 ? 0 : 1;
}

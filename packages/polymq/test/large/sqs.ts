/**
 * `npm run test:large -- --sqs`: SQS queues of sizes that no other test has.
 *
 *   backlog    a million messages in one queue: memory, rate, restarts
 *   many       ten thousand queues
 *   polls      five thousand connections in long polls
 *   in-flight  120,000 messages received and not deleted, over kill -9
 */
import { parseArgs } from 'node:util';
import { say } from './figures.ts';
import { backlog } from './sqs-backlog.ts';
import { endBrokers } from './sqs-broker.ts';
import { inFlight } from './sqs-in-flight.ts';
import { many } from './sqs-many.ts';
import { polls } from './sqs-polls.ts';

export interface LargeSqsOptions {
  messages: number;
  durability: string;
  dataRoot: string | undefined;
  /** More flags for Node, such as `--cpu-prof`. */
  nodeArgs: readonly string[] | undefined;
}

/** Each resolves with what was not as promised. */
const PARTS: Readonly<Record<string, (options: LargeSqsOptions) => Promise<string[]>>> = {
  backlog,
  many,
  polls,
  'in-flight': inFlight,
};

export async function largeSqs(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      sqs: { type: 'boolean' },
      only: { type: 'string', default: Object.keys(PARTS).join(',') },
      messages: { type: 'string', default: '1000000' },
      durability: { type: 'string', default: 'fsync' },
      data: { type: 'string' },
      'node-args': { type: 'string' },
    },
  });
  const options: LargeSqsOptions = {
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

/**
 * Runs the Pub/Sub tests of Redis itself, from a checkout of its repository, and compares every test by name with
 * `redis-baseline.json`.
 *
 *   npm run test:upstream -- redis CHECKOUT [--peer polymq|redis] [--update]
 *
 * CHECKOUT is redis 7.0.15; nothing needs to be built, and tclsh must be there. Tests of keyspace notifications are left
 * out: they are about keys. The unit on shard channels runs from a copy, since it is tagged for servers that the harness
 * has started itself.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from '../support/child.ts';
import type { Outcome, Outcomes } from './baseline.ts';
import { PORT, runRedisSuite } from './redis-suite.ts';

const UNIT_TIMEOUT_MS = 120_000;
const SHARDED = 'unit/pubsubshard';
const SHARDED_COPY = 'unit/pubsubshard-external';
// biome-ignore lint/suspicious/noControlCharactersInRegex: runtest colours its lines.
const COLOURS = /\x1b\[[0-9;]*m/g;
const LINE = /^\[(ok|err|exception|skip)\]: (.*?)(?: \(\d+ ms\))?(?: in tests\/.*)?$/;

await runRedisSuite({
  checkoutOf: 'github.com/redis/redis at 7.0.15',
  marker: [join('src', 'version.h'), '"7.0.15"'],
  baseline: 'redis-baseline.json',
  run: async (checkout) => {
    copyShardedUnit(checkout);
    const outcomes: Outcomes = new Map();
    await runUnit(checkout, 'unit/pubsub', outcomes);
    await runUnit(checkout, SHARDED_COPY, outcomes);
    return outcomes;
  },
});

/** The first group of its tests; the second is about a replica. */
function copyShardedUnit(checkout: string): void {
  const path = (unit: string): string => join(checkout, 'tests', `${unit}.tcl`);
  const source = readFileSync(path(SHARDED), 'utf8');
  const second = source.indexOf('\nstart_server', 1);
  const first = source.slice(0, second + 1).replace(' external:skip', '');
  if (!existsSync(path(SHARDED_COPY)) || readFileSync(path(SHARDED_COPY), 'utf8') !== first) {
    writeFileSync(path(SHARDED_COPY), first);
  }
}

async function runUnit(checkout: string, unit: string, outcomes: Outcomes): Promise<void> {
  const child = startChild({
    name: `runtest ${unit}`,
    command: join(checkout, 'runtest'),
    args: [
      ...['--host', '127.0.0.1', '--port', `${PORT}`, '--single', unit],
      ...['--skiptest', '/Keyspace notifications', '--no-latency'],
    ],
    cwd: checkout,
  });
  const timer = setTimeout(() => child.signal('SIGKILL'), UNIT_TIMEOUT_MS);
  await child.exited;
  clearTimeout(timer);
  const found = outcomesIn(child.stdout, unit, outcomes);
  if (found === 0)
    throw new Error(`runtest has run nothing of ${unit}:\n${child.stdout.slice(-2000)}`);
}

function outcomesIn(output: string, unit: string, outcomes: Outcomes): number {
  let found = 0;
  const lines = output.replace(COLOURS, '').split('\n');
  for (const [index, line] of lines.entries()) {
    const [, kind, name] = LINE.exec(line) ?? [];
    if (kind === undefined || name === undefined || kind === 'skip') continue;
    found += 1;
    const status: Outcome['status'] = kind === 'ok' ? 'passed' : 'failed';
    const message = status === 'passed' ? '' : lines.slice(index, index + 4).join('\n');
    const base = `${unit}.tcl › ${name}`;
    let test = base;
    for (let number = 2; outcomes.has(test); number += 1) test = `${base} (${number})`;
    outcomes.set(test, { status, message });
  }
  return found;
}

/**
 * What the suites of Redis and its clients have in common: broker and suite run in a network namespace of their own with
 * the broker on 127.0.0.1:6379, and every test is compared by name with a baseline beside this file.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startPolymq } from '../support/polymq.ts';
import { redisMissing, startRealRedis } from '../support/redis-server.ts';
import { compare, type Outcomes, readBaseline, updateBaseline } from './baseline.ts';
import { enterNamespace, insideNamespace } from './namespace.ts';

export const PORT = 6379;

export interface RedisSuite {
  /** Such as `github.com/redis/redis at 7.0.15`. */
  checkoutOf: string;
  /** A file below the checkout, and what it must contain. */
  marker: readonly [file: string, text: string];
  /** A file that `npm install` makes below the checkout, if the suite needs one. */
  installed?: string;
  /** The file beside this one. */
  baseline: string;
  /** `withKeys`: nothing is said in other commands than the suite's own. */
  run(checkout: string, peer: RedisPeerName, options: { withKeys: boolean }): Promise<Outcomes>;
}

export type RedisPeerName = 'polymq' | 'redis';

/** The program of a suite: reads the arguments and sets the exit code. */
export async function runRedisSuite(suite: RedisSuite): Promise<void> {
  process.exitCode = await main(suite).catch((error: Error) => {
    process.stderr.write(`${error.message}\n`);
    return 2;
  });
}

async function main(suite: RedisSuite): Promise<number> {
  const { values: options, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      peer: { type: 'string', default: 'polymq' },
      'with-keys': { type: 'boolean', default: false },
      update: { type: 'boolean', default: false },
    },
  });
  const peer: RedisPeerName = options.peer === 'redis' ? 'redis' : 'polymq';
  const checkout = checkCheckout(suite, positionals[0]);
  const missing = peer === 'redis' ? redisMissing() : undefined;
  if (missing !== undefined) throw new Error(missing);
  if (!insideNamespace()) return enterNamespace();
  const stop = await startBroker(peer);
  let outcomes: Outcomes;
  try {
    outcomes = await suite.run(checkout, peer, { withKeys: options['with-keys'] });
  } finally {
    await stop();
  }
  const baseline = fileURLToPath(new URL(suite.baseline, import.meta.url));
  if (options.update) updateBaseline(baseline, peer, outcomes);
  const verdict = compare(readBaseline(baseline), peer, outcomes, true);
  process.stdout.write(verdict.text);
  return verdict.surprises === 0 ? 0 : 1;
}

function checkCheckout(suite: RedisSuite, named: string | undefined): string {
  const { checkoutOf, marker, installed } = suite;
  const checkout = resolve(named ?? '');
  const [file, text] = marker;
  const path = join(checkout, file);
  if (named === undefined || !existsSync(path) || !readFileSync(path, 'utf8').includes(text)) {
    throw new Error(`name the folder of a checkout of ${checkoutOf}`);
  }
  if (installed !== undefined && !existsSync(join(checkout, installed))) {
    throw new Error(`run npm ci --ignore-scripts in ${checkout}: its test runner is not there`);
  }
  return checkout;
}

/** Resolves with what ends it. */
async function startBroker(peer: RedisPeerName): Promise<() => Promise<unknown>> {
  if (peer === 'redis') return (await startRealRedis(PORT)).stop;
  const broker = await startPolymq({
    data: 'memory:',
    listen: [`redis://127.0.0.1:${PORT}`],
    args: ['--limits-connections-per-second-max', '100000'],
  });
  return () => broker.stop();
}

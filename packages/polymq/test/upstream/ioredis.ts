/**
 * Runs the Pub/Sub tests of ioredis, from a checkout of its repository, and compares every test by name with
 * `ioredis-baseline.json`.
 *
 *   npm run test:upstream -- ioredis CHECKOUT [--peer polymq|redis] [--with-keys] [--update]
 *
 * CHECKOUT is ioredis v6.0.0 after `npm ci --ignore-scripts`. Six of its tests want to see that an ordinary command works, and
 * take SET, GET, DEL, RPUSH or LRANGE for one. PolyMQ has no keys, so `ioredis-without-keys.cjs` lets the client say ECHO and
 * MULTI instead; `--with-keys` leaves the commands as they are.
 */
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startChild } from '../support/child.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import type { Outcomes } from './baseline.ts';
import { runRedisSuite } from './redis-suite.ts';

const FILES = ['pub_sub.ts', 'spub_ssub.ts'];
const RUN_TIMEOUT_MS = 300_000;
const WITHOUT_KEYS = fileURLToPath(new URL('ioredis-without-keys.cjs', import.meta.url));

await runRedisSuite({
  checkoutOf: 'github.com/redis/ioredis at v6.0.0',
  marker: ['package.json', '"version": "6.0.0"'],
  installed: join('node_modules', 'mocha', 'bin', 'mocha.js'),
  baseline: 'ioredis-baseline.json',
  run: (checkout, peer, { withKeys }) => runMocha(checkout, peer === 'polymq' && !withKeys),
});

interface Report {
  tests: { fullTitle: string; file: string; err: { message?: string } }[];
  pending: { fullTitle: string }[];
}

async function runMocha(checkout: string, withoutKeys: boolean): Promise<Outcomes> {
  const folder = temporaryFolder('ioredis-suite-');
  const report = join(folder.path, 'report.json');
  const child = startChild({
    name: 'mocha',
    command: process.execPath,
    args: [
      join('node_modules', 'mocha', 'bin', 'mocha.js'),
      ...['--reporter', 'json', '--reporter-option', `output=${report}`],
      ...(withoutKeys ? ['--file', WITHOUT_KEYS] : []),
      join('test', 'helpers', '*.ts'),
      ...FILES.map((file) => join('test', 'functional', file)),
    ],
    cwd: checkout,
    env: {
      TS_NODE_TRANSPILE_ONLY: 'true',
      NODE_ENV: 'test',
      ...(process.allowedNodeEnvironmentFlags.has('--no-experimental-strip-types') && {
        NODE_OPTIONS: '--no-experimental-strip-types',
      }),
    },
  });
  const timer = setTimeout(() => child.signal('SIGKILL'), RUN_TIMEOUT_MS);
  await child.exited;
  clearTimeout(timer);
  try {
    return readReport(report, checkout);
  } catch (error: unknown) {
    throw new Error(`mocha left no report:\n${child.stderr.slice(-3000)}`, { cause: error });
  } finally {
    folder.remove();
  }
}

function readReport(path: string, checkout: string): Outcomes {
  const { tests, pending } = JSON.parse(readFileSync(path, 'utf8')) as Report;
  const skipped = new Set(pending.map(({ fullTitle }) => fullTitle));
  const outcomes: Outcomes = new Map();
  for (const { fullTitle, file, err } of tests) {
    const failed = err.message !== undefined;
    const status = skipped.has(fullTitle) ? 'skipped' : failed ? 'failed' : 'passed';
    const spec = relative(join(checkout, 'test'), file);
    outcomes.set(`${spec} › ${fullTitle}`, { status, message: err.message ?? '' });
  }
  return outcomes;
}

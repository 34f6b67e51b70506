/**
 * What the suites of AMQP clients have in common: they dial localhost:5672, so broker and suite run in a
 * network namespace of their own, and every test is compared by name with a baseline beside this file.
 *
 *   this program ──unshare -n──► this program ──► broker on 127.0.0.1:5672 and [::1]:5672, HTTP on 15672
 *                                             └─► the suite's own test runner ──► outcomes ──► compare
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startPolymq } from '../support/polymq.ts';
import { rabbitmqMissing, startRabbitmq } from '../support/rabbitmq.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { compare, type Outcomes, readBaseline, updateBaseline } from './baseline.ts';
import { enterNamespace, insideNamespace } from './namespace.ts';

export interface AmqpSuite {
  /** `name` in the checkout's package.json. */
  packageName: string;
  /** Such as `2.0.1`: the baseline is of this one. */
  version: string;
  repository: string;
  /** A file below the checkout that `npm install` makes, if the suite needs one. */
  installed?: string;
  /** The file beside this one. */
  baseline: string;
  /** `only` is what the user said, or nothing for all. */
  run(checkout: string, only: string | undefined): Promise<Outcomes>;
}

type AmqpPeerName = 'polymq' | 'rabbitmq';

const PORT = 5672;
const HTTP_PORT = 15_672;

/** The program of a suite: reads the arguments and sets the exit code. */
export async function runAmqpSuite(suite: AmqpSuite): Promise<void> {
  process.exitCode = await main(suite).catch((error: Error) => {
    process.stderr.write(`${error.message}\n`);
    return 2;
  });
}

async function main(suite: AmqpSuite): Promise<number> {
  const { values: options, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      peer: { type: 'string', default: 'polymq' },
      only: { type: 'string' },
      update: { type: 'boolean', default: false },
    },
  });
  const peer: AmqpPeerName = options.peer === 'rabbitmq' ? 'rabbitmq' : 'polymq';
  const checkout = checkCheckout(suite, positionals[0]);
  if (!insideNamespace()) {
    const missing = peer === 'rabbitmq' ? rabbitmqMissing() : undefined;
    if (missing) throw new Error(missing);
    return enterNamespace();
  }
  const stop = await startBroker(peer);
  let outcomes: Outcomes;
  try {
    outcomes = await suite.run(checkout, options.only);
  } finally {
    await stop();
  }
  const baseline = fileURLToPath(new URL(suite.baseline, import.meta.url));
  if (options.update) updateBaseline(baseline, peer, outcomes);
  const whole = options.only === undefined;
  const verdict = compare(readBaseline(baseline), peer, outcomes, whole);
  process.stdout.write(verdict.text);
  return verdict.surprises === 0 ? 0 : 1;
}

function checkCheckout(suite: AmqpSuite, named: string | undefined): string {
  const { packageName, version, repository } = suite;
  const wanted = `a checkout of ${repository} at v${version}`;
  const checkout = resolve(named ?? '');
  const packageFile = join(checkout, 'package.json');
  if (named === undefined || !existsSync(packageFile)) {
    throw new Error(`name the folder of ${wanted}`);
  }
  const found = JSON.parse(readFileSync(packageFile, 'utf8')) as Record<string, string>;
  if (found['name'] !== packageName || found['version'] !== version) {
    throw new Error(
      `${checkout} holds ${found['name']} ${found['version']}: it should be ${wanted}`,
    );
  }
  if (suite.installed !== undefined && !existsSync(join(checkout, suite.installed))) {
    throw new Error(
      `run npm install --ignore-scripts in ${checkout}: its test runner is not there`,
    );
  }
  return checkout;
}

/** Resolves with what ends it. */
async function startBroker(peer: AmqpPeerName): Promise<() => Promise<unknown>> {
  if (peer === 'rabbitmq') {
    const broker = await startRabbitmq({
      port: PORT,
      plugins: ['rabbitmq_management'],
      config: { 'listeners.tcp.v6': `::1:${PORT}`, 'management.tcp.port': `${HTTP_PORT}` },
    });
    return broker.stop;
  }
  const data = temporaryFolder('polymq-amqp-suite-');
  const broker = await startPolymq({
    data: data.path,
    listen: [`amqp://127.0.0.1:${PORT}`, `amqp://[::1]:${PORT}`, `http://127.0.0.1:${HTTP_PORT}`],
    args: ['--limits-connections-per-second-max', '100000'],
  });
  return async () => {
    await broker.stop();
    data.remove();
  };
}

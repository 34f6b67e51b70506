/**
 * Runs the specs of kafkajs itself, from a checkout of its repository, and compares every test by name
 * with `kafkajs-baseline.json`.
 *
 *   tsx packages/polymq/test/upstream/kafkajs.ts CHECKOUT [--peer polymq|apache] [--only admin,broker]
 *                                                         [--spec PATTERN] [--update] [--keep FOLDER]
 *
 * CHECKOUT is kafkajs v2.2.4 with its development dependencies installed; nothing of it is kept here.
 * The specs dial localhost:9092, :9095 and :9098, so the broker and the specs run in a network
 * namespace of their own, where those ports are free and nothing else is reachable:
 *
 *   this program ──unshare -n──► this program ──► broker on 9092, 9095, 9098 (the same one three times)
 *                                             └─► jest, one run per folder ──► JSON ──► compare
 *
 * `--update` writes what this peer did into the baseline. Reasons in it are written by people.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { installApacheKafka } from '../support/apache-kafka.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { compare, type Outcomes, readBaseline, updateBaseline } from './baseline.ts';
import { readJestReport, runJest } from './jest.ts';
import { dockerStandIn, startBrokerOnKafkaJsPorts, warmUp } from './kafkajs-broker.ts';
import { enterNamespace, insideNamespace } from './namespace.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const BASELINE = join(HERE, 'kafkajs-baseline.json');
const FOLDERS = ['admin', 'broker', 'consumer', 'producer'];
/** A single node of Apache Kafka loses races against its own metadata log; its retries are not counted. */
const RETRIES = { apache: 2, polymq: 0 };

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    peer: { type: 'string', default: 'polymq' },
    only: { type: 'string', default: FOLDERS.join(',') },
    spec: { type: 'string', default: '' },
    update: { type: 'boolean', default: false },
    keep: { type: 'string' },
  },
});

const peer: 'apache' | 'polymq' = options.peer === 'apache' ? 'apache' : 'polymq';

async function main(): Promise<number> {
  const checkout = resolve(positionals[0] ?? '');
  checkCheckout(checkout);
  if (!insideNamespace()) {
    if (peer === 'apache') await installApacheKafka();
    return enterNamespace();
  }
  const outcomes = await runSpecs(checkout);
  if (options.update) updateBaseline(BASELINE, peer, outcomes);
  const verdict = compare(readBaseline(BASELINE), peer, outcomes);
  process.stdout.write(verdict.text);
  return verdict.surprises === 0 ? 0 : 1;
}

function checkCheckout(checkout: string): void {
  const wanted = 'a checkout of github.com/tulios/kafkajs at v2.2.4';
  const packageFile = join(checkout, 'package.json');
  if (positionals[0] === undefined || !existsSync(packageFile)) {
    throw new Error(`name the folder of ${wanted}`);
  }
  const { name, version } = JSON.parse(readFileSync(packageFile, 'utf8')) as Record<string, string>;
  if (name !== 'kafkajs' || version !== '2.2.4') {
    throw new Error(`${checkout} holds ${name} ${version}: it should be ${wanted}`);
  }
  if (!existsSync(join(checkout, 'node_modules', 'jest'))) {
    throw new Error(`run npm install in ${checkout}: jest is not there`);
  }
}

async function runSpecs(checkout: string): Promise<Outcomes> {
  const outcomes: Outcomes = new Map();
  const reports = options.keep === undefined ? temporaryFolder('kafkajs-specs-') : undefined;
  const reportFolder = options.keep ?? reports!.path;
  const path = `${dockerStandIn()}:${process.env['PATH']}`;
  for (const folder of options.only.split(',')) {
    // A fresh broker per folder: what one folder leaves behind is not the next one's peer.
    const broker = await startBrokerOnKafkaJsPorts(peer);
    try {
      await warmUp(peer);
      const report = join(reportFolder, `${peer}-${folder}.json`);
      await runJest({
        checkout,
        report,
        pattern: options.spec === '' ? `src/${folder}/` : `src/${folder}/.*${options.spec}`,
        env: {
          PATH: path,
          KAFKA_VERSION: '2.4',
          NODE_ENV: 'test',
          KAFKAJS_DEBUG_PROTOCOL_BUFFERS: '1',
          TEST_RETRIES: `${RETRIES[peer]}`,
        },
      });
      for (const [name, outcome] of readJestReport(report, join(checkout, 'src'))) {
        outcomes.set(name, outcome);
      }
    } finally {
      await broker.stop();
    }
  }
  return outcomes;
}

process.exitCode = await main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  return 2;
});

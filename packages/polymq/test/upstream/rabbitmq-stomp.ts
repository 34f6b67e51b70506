/**
 * Runs the Python tests of RabbitMQ's STOMP plugin, from a checkout of its repository, and compares every test by name
 * with `rabbitmq-stomp-baseline.json`.
 *
 *   npm run test:upstream -- rabbitmq-stomp CHECKOUT [--peer polymq|rabbitmq] [--only ack,parsing] [--update]
 *
 * CHECKOUT is rabbitmq-server v3.10.8. Its Makefile takes stomp.py from a tag that is 6.1.1 in the package registry.
 * Modules that reconfigure RabbitMQ (TLS, implicit connects, topic permissions) are left out.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { freePort } from '../support/apache-kafka.ts';
import { startChild } from '../support/child.ts';
import { startPolymq } from '../support/polymq.ts';
import { startRabbitmq } from '../support/rabbitmq.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { compare, type Outcome, type Outcomes, readBaseline, updateBaseline } from './baseline.ts';
import { pythonWith } from './python-environment.ts';

const PACKAGES = ['stomp.py==6.1.1', 'pika==1.4.4'];
const FOLDER = 'deps/rabbitmq_stomp/test/python_SUITE_data/src';
const MODULES = [
  'parsing',
  'errors',
  'connect_disconnect',
  'ack',
  'amqp_headers',
  'queue_properties',
  'reliability',
  'transactions',
  'x_queue_name',
  'destinations',
  'redelivered',
  'unsubscribe',
  'x_queue_type_quorum',
  'x_queue_type_stream',
];
const MODULE_TIMEOUT_MS = 300_000;

interface Peer {
  stompPort: number;
  amqpPort: number;
  stop(): Promise<unknown>;
}

interface ReportLine extends Outcome {
  spec: string;
  test: string;
}

process.exitCode = await main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  return 2;
});

async function main(): Promise<number> {
  const { values: options, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      peer: { type: 'string', default: 'polymq' },
      only: { type: 'string' },
      update: { type: 'boolean', default: false },
    },
  });
  const kind = options.peer === 'rabbitmq' ? 'rabbitmq' : 'polymq';
  const sources = resolve(positionals[0] ?? '', FOLDER);
  if (positionals[0] === undefined || !existsSync(join(sources, 'ack.py'))) {
    throw new Error(
      'name the folder of a checkout of github.com/rabbitmq/rabbitmq-server at v3.10.8',
    );
  }
  const python = await pythonWith('python-stomp', PACKAGES);
  const peer = kind === 'rabbitmq' ? await startRabbitmqPeer() : await startPolymqPeer();
  const outcomes: Outcomes = new Map();
  try {
    for (const module of options.only?.split(',') ?? MODULES) {
      await runModule(python, sources, module, peer, outcomes);
    }
  } finally {
    await peer.stop();
  }
  const baseline = fileURLToPath(new URL('rabbitmq-stomp-baseline.json', import.meta.url));
  if (options.update) updateBaseline(baseline, kind, outcomes);
  const verdict = compare(readBaseline(baseline), kind, outcomes, options.only === undefined);
  process.stdout.write(verdict.text);
  return verdict.surprises === 0 ? 0 : 1;
}

async function runModule(
  python: string,
  sources: string,
  module: string,
  peer: Peer,
  outcomes: Outcomes,
): Promise<void> {
  const folder = temporaryFolder('rabbitmq-stomp-');
  const report = join(folder.path, 'report.jsonl');
  const child = startChild({
    name: `${module}.py`,
    command: python,
    args: [fileURLToPath(new URL('unittest-report.py', import.meta.url)), report, module],
    cwd: sources,
    env: {
      STOMP_PORT: `${peer.stompPort}`,
      AMQP_PORT: `${peer.amqpPort}`,
      PYTHONDONTWRITEBYTECODE: '1',
      // One test asks RabbitMQ to let clients in without a login; nothing is to be done for that here.
      RABBITMQCTL: '/bin/true',
      RABBITMQ_NODENAME: 'none',
    },
  });
  const timer = setTimeout(() => child.signal('SIGKILL'), MODULE_TIMEOUT_MS);
  await child.exited;
  clearTimeout(timer);
  const lines = existsSync(report) ? readFileSync(report, 'utf8').trim() : '';
  folder.remove();
  if (lines === '') throw new Error(`${module}.py left no report:\n${child.stderr.slice(-2000)}`);
  for (const line of lines.split('\n')) {
    const { spec, test, status, message } = JSON.parse(line) as ReportLine;
    outcomes.set(`${spec} › ${test}`, { status, message });
  }
}

async function startPolymqPeer(): Promise<Peer> {
  const data = temporaryFolder('polymq-stomp-suite-');
  const broker = await startPolymq({
    data: data.path,
    listen: ['stomp://127.0.0.1:0', 'amqp://127.0.0.1:0'],
    args: ['--limits-connections-per-second-max', '100000'],
  });
  return {
    stompPort: broker.port('stomp'),
    amqpPort: broker.port('amqp'),
    stop: async () => {
      await broker.stop();
      data.remove();
    },
  };
}

async function startRabbitmqPeer(): Promise<Peer> {
  const stompPort = await freePort();
  const broker = await startRabbitmq({
    plugins: ['rabbitmq_stomp'],
    config: { 'stomp.listeners.tcp.1': `127.0.0.1:${stompPort}` },
  });
  return { stompPort, amqpPort: broker.port, stop: broker.stop };
}

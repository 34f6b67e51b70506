/**
 * Runs the interoperability tests of Eclipse Paho against the broker, from a checkout of their repository, and compares every
 * test by name with `paho-baseline.json`.
 *
 *   npm run test:upstream -- paho CHECKOUT [--peer polymq|mosquitto] [--only 5] [--update]
 *
 * CHECKOUT is github.com/eclipse-paho/paho.mqtt.testing at 9d7bb80; it needs Python 3 and nothing else. Each test is a process of
 * its own: what one leaves behind, such as a client that was not disconnected, must not decide about the next. The tests assume
 * a broker that gives clients a keep-alive of 60 s.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startChild } from '../support/child.ts';
import { mosquittoMissing, startMosquitto } from '../support/mosquitto.ts';
import { startPolymq } from '../support/polymq.ts';
import { compare, type Outcome, type Outcomes, readBaseline, updateBaseline } from './baseline.ts';
import { enterNamespace, insideNamespace } from './namespace.ts';

const PORT = 1883;
const KEEP_ALIVE_S = 60;
const TEST_TIMEOUT_MS = 180_000;
/** Version of MQTT → the file with its tests. */
const FILES: Readonly<Record<string, string>> = { 3: 'client_test.py', 5: 'client_test5.py' };

type PahoPeerName = 'polymq' | 'mosquitto';

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
  const peer: PahoPeerName = options.peer === 'mosquitto' ? 'mosquitto' : 'polymq';
  const folder = interoperabilityFolder(positionals[0]);
  const missing = peer === 'mosquitto' ? mosquittoMissing() : undefined;
  if (missing !== undefined) throw new Error(missing);
  if (!insideNamespace()) return enterNamespace();
  const outcomes: Outcomes = new Map();
  const stop = await startBroker(peer);
  try {
    for (const version of options.only?.split(',') ?? Object.keys(FILES)) {
      await runFile(folder, FILES[version]!, outcomes);
    }
  } finally {
    await stop();
  }
  const baseline = fileURLToPath(new URL('paho-baseline.json', import.meta.url));
  if (options.update) updateBaseline(baseline, peer, outcomes);
  const whole = options.only === undefined;
  const verdict = compare(readBaseline(baseline), peer, outcomes, whole);
  process.stdout.write(verdict.text);
  return verdict.surprises === 0 ? 0 : 1;
}

function interoperabilityFolder(named: string | undefined): string {
  const folder = join(resolve(named ?? ''), 'interoperability');
  if (
    named === undefined ||
    !Object.values(FILES).every((file) => existsSync(join(folder, file)))
  ) {
    throw new Error('name the folder of a checkout of github.com/eclipse-paho/paho.mqtt.testing');
  }
  return folder;
}

async function startBroker(peer: PahoPeerName): Promise<() => Promise<unknown>> {
  if (peer === 'mosquitto') {
    const config = { max_keepalive: String(KEEP_ALIVE_S) };
    return (await startMosquitto({ port: PORT, config })).stop;
  }
  const broker = await startPolymq({
    data: 'memory:',
    listen: [`mqtt://127.0.0.1:${PORT}`],
    args: ['--mqtt-keep-alive-max-s', String(KEEP_ALIVE_S)],
  });
  return () => broker.stop();
}

async function runFile(folder: string, file: string, outcomes: Outcomes): Promise<void> {
  const source = readFileSync(join(folder, file), 'utf8');
  for (const [, name] of source.matchAll(/^ {4}def (test\w+)\(/gm)) {
    let outcome = await runTest(folder, file, name!);
    // Paho's client gives an answer half a second, which a busy machine may not have.
    if (/\btimed out\b/.test(outcome.message)) outcome = await runTest(folder, file, name!);
    outcomes.set(`${file} › ${name}`, outcome);
    process.stderr.write(`${outcome.status} ${file} ${name}\n`);
  }
}

/** The script takes a test's name as `unittest` does, and listens to no options but its own. */
async function runTest(folder: string, file: string, name: string): Promise<Outcome> {
  const child = startChild({
    name: `${file} ${name}`,
    command: 'python3',
    args: [file, `Test.${name}`],
    cwd: folder,
    env: { PYTHONDONTWRITEBYTECODE: '1' },
  });
  const timer = setTimeout(() => child.signal('SIGKILL'), TEST_TIMEOUT_MS);
  const { code } = await child.exited;
  clearTimeout(timer);
  if (code === 0) return { status: 'passed', message: '' };
  const lines = child.stderr.split('\n').filter((line) => /Error|assert|Exception/.test(line));
  return { status: 'failed', message: lines.slice(-3).join('\n') || 'it did not end in time' };
}

/**
 * Runs the tests of amqplib itself that need a broker, from a checkout of its repository, and compares
 * every test by name with `amqplib-baseline.json`.
 *
 *   npm run test:upstream -- amqplib CHECKOUT [--peer polymq|rabbitmq] [--only connect] [--update]
 *
 * CHECKOUT is amqplib v2.0.1; it needs nothing installed. The tests are Node's own kind: `node --test`
 * runs one file at a time, and `node-test-reporter.mjs` writes what became of each test.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startChild } from '../support/child.ts';
import { runAmqpSuite } from './amqp-suite.ts';
import type { Outcome, Outcomes } from './baseline.ts';

const FILES = ['callback_api', 'channel_api', 'connect'];
const TEST_TIMEOUT_MS = 60_000;

await runAmqpSuite({
  packageName: 'amqplib',
  version: '2.0.1',
  repository: 'github.com/amqp-node/amqplib',
  baseline: 'amqplib-baseline.json',
  run: async (checkout, only) => {
    const outcomes: Outcomes = new Map();
    for (const file of only?.split(',') ?? FILES) await runFile(checkout, file, outcomes);
    return outcomes;
  },
});

interface ReportLine extends Outcome {
  names: string[];
}

async function runFile(checkout: string, file: string, outcomes: Outcomes): Promise<void> {
  const spec = `${file}.test.js`;
  const child = startChild({
    name: `node --test ${spec}`,
    command: process.execPath,
    args: [
      '--test',
      `--test-timeout=${TEST_TIMEOUT_MS}`,
      `--test-reporter=${fileURLToPath(new URL('node-test-reporter.mjs', import.meta.url))}`,
      join('test', spec),
    ],
    cwd: checkout,
  });
  await child.exited;
  const lines = child.stdout.split('\n').filter((line) => line.startsWith('{'));
  if (lines.length === 0) throw new Error(`${spec} left no report:\n${child.stderr.slice(-3000)}`);
  for (const line of lines) {
    const { names, status, message } = JSON.parse(line) as ReportLine;
    const test = names.join(' ');
    let name = `${spec} › ${test}`;
    for (let number = 2; outcomes.has(name); number += 1) name = `${spec} › ${test} (${number})`;
    outcomes.set(name, { status, message });
  }
}

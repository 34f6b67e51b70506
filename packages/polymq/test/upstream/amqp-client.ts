/**
 * Runs the tests of @cloudamqp/amqp-client itself, from a checkout of its repository, and compares every
 * test by name with `amqp-client-baseline.json`.
 *
 *   npm run test:upstream -- amqp-client CHECKOUT [--peer polymq|rabbitmq] [--only NAME] [--update]
 *
 * CHECKOUT is amqp-client.js v4.1.0 with its development dependencies installed. Its tests for TLS and
 * for browsers are left out; `--only` is a pattern over test names.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from '../support/child.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { runAmqpSuite } from './amqp-suite.ts';
import { readJestReport } from './jest.ts';

const FILES = ['test/test.ts', 'test/amqp-session.ts'];
const VITEST = 'node_modules/vitest/vitest.mjs';
const TEST_TIMEOUT_MS = 60_000;

await runAmqpSuite({
  packageName: '@cloudamqp/amqp-client',
  version: '4.1.0',
  repository: 'github.com/cloudamqp/amqp-client.js',
  installed: VITEST,
  baseline: 'amqp-client-baseline.json',
  run: async (checkout, only) => {
    const folder = temporaryFolder('amqp-client-report-');
    const report = join(folder.path, 'report.json');
    const child = startChild({
      name: 'vitest',
      command: process.execPath,
      args: [
        ...[VITEST, 'run', ...FILES, '--no-file-parallelism'],
        ...[`--testTimeout=${TEST_TIMEOUT_MS}`, '--reporter=json', `--outputFile=${report}`],
        ...(only === undefined ? [] : ['--testNamePattern', only]),
      ],
      cwd: checkout,
    });
    const exit = await child.exited;
    try {
      readFileSync(report);
    } catch {
      const output = (child.stdout + child.stderr).slice(-3000);
      throw new Error(`vitest left no report (exit code ${exit.code}):\n${output}`);
    }
    return readJestReport(report, join(checkout, 'test'));
  },
});

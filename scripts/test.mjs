/**
 * `npm test`: installs what the tests need, then runs the checks, the unit tests and the tests with real
 * clients and the real program. Ends with the names of what was skipped and one line
 * `N passed, N failed, N skipped`; the exit code is 0 only if nothing failed.
 *
 *   --long      longer budgets (TEST_LONG=1 for the tests)
 *   --node24    the unit tests once more on Node 24, fetched from npm (also when CI=true)
 *   --only=NAME one stage: check, unit, clients, node24
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { installDebianPackages } from './lib/debian.mjs';
import { build, installDependencies, requireNode } from './lib/install.mjs';
import { kafkaDescriptions } from './lib/kafka-descriptions.mjs';
import { node24 } from './lib/node24.mjs';
import { fail, ROOT, run, say } from './lib/process.mjs';
import { pythonClients } from './lib/python.mjs';

const RESULTS = join(ROOT, '.cache', 'test');
const STAGES = ['check', 'unit', 'clients', 'node24'];

requireNode();
const options = readOptions();
const stages = chooseStages(options);
await installDependencies();
const missing = stages.includes('clients') ? await installDebianPackages() : [];
const clients = stages.includes('clients') ? pythonClients() : {};
if (clients.missing !== undefined) missing.push(clients.missing);
const kafka = stages.includes('unit') ? kafkaDescriptions() : {};
if (kafka.missing !== undefined) missing.push(kafka.missing);
await build();

const total = { passed: 0, failed: 0, skipped: [] };
let failedStages = 0;
for (const stage of stages) {
  say(`\n── ${stage} ──`);
  if (!(await runStage(stage))) failedStages += 1;
}
report();

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        long: { type: 'boolean', default: false },
        node24: { type: 'boolean', default: process.env.CI === 'true' },
        only: { type: 'string' },
      },
    });
    return values;
  } catch (error) {
    return fail(error.message, 2);
  }
}

function chooseStages({ only, node24: withNode24 }) {
  if (only === undefined) return withNode24 ? STAGES : STAGES.filter((name) => name !== 'node24');
  if (!STAGES.includes(only)) fail(`--only takes one of ${STAGES.join(', ')}`, 2);
  return [only];
}

async function runStage(stage) {
  if (stage === 'check') return (await run(process.execPath, ['scripts/check.mjs'])) === 0;
  if (stage === 'node24') return vitest('unit', await node24(), 'node24');
  return vitest(stage, process.execPath, stage);
}

async function vitest(project, node, name) {
  const file = join(RESULTS, `${name}.json`);
  mkdirSync(RESULTS, { recursive: true });
  rmSync(file, { force: true });
  const args = [
    join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    `--project=${project}`,
    '--passWithNoTests',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
    ...(options.long ? ['--testTimeout=900000'] : []),
  ];
  const env = {
    ...process.env,
    ...(clients.python === undefined ? {} : { TEST_PYTHON: clients.python }),
    ...(kafka.folder === undefined ? {} : { TEST_KAFKA_MESSAGES: kafka.folder }),
    ...(options.long ? { TEST_LONG: '1' } : {}),
    ...(process.stdout.isTTY ? {} : { NO_COLOR: '1' }),
  };
  const code = await run(node, args, { env });
  return addResults(name, file) && code === 0;
}

/** Returns whether there are results: a run that died has none, and must not look like a pass. */
function addResults(name, file) {
  let results;
  try {
    results = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    say(`the ${name} tests ended without results`);
    total.failed += 1;
    return false;
  }
  for (const suite of results.testResults) {
    // A file that cannot be loaded has no tests, but it is no success.
    if (suite.status === 'failed' && suite.assertionResults.length === 0) total.failed += 1;
    for (const test of suite.assertionResults) {
      if (test.status === 'passed') total.passed += 1;
      else if (test.status === 'failed') total.failed += 1;
      else total.skipped.push(`${suite.name.slice(ROOT.length)}: ${test.fullName}`);
    }
  }
  return true;
}

function report() {
  say('');
  for (const name of total.skipped) say(`skipped ${name}`);
  for (const line of missing) say(line);
  const { passed, failed, skipped } = total;
  process.stdout.write(`${passed} passed, ${failed} failed, ${skipped.length} skipped\n`);
  process.exitCode = failed > 0 || failedStages > 0 ? 1 : 0;
  if (failedStages > 0 && failed === 0) say('a stage failed; its lines are above');
}

/** Runs jest of somebody's checkout and reads its report. */
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { startChild } from '../support/child.ts';
import type { Outcome, Outcomes } from './baseline.ts';

export interface JestRun {
  checkout: string;
  /** Where jest writes its JSON. */
  report: string;
  /** A regular expression over paths of spec files. */
  pattern: string;
  env: Readonly<Record<string, string>>;
}

/** Runs to the end; failing tests are for the report to tell. Throws if there is no report. */
export async function runJest(run: JestRun): Promise<void> {
  const child = startChild({
    name: 'jest',
    command: process.execPath,
    args: [
      join(run.checkout, 'node_modules', 'jest', 'bin', 'jest.js'),
      ...['--ci', '--forceExit', '--no-watchman', '--maxWorkers=2', '--reporters=default'],
      ...['--testPathPattern', run.pattern, '--json', '--outputFile', run.report],
    ],
    cwd: run.checkout,
    env: run.env,
  });
  const exit = await child.exited;
  try {
    readFileSync(run.report);
  } catch {
    throw new Error(`jest left no report (exit code ${exit.code}):\n${child.stderr.slice(-3000)}`);
  }
}

interface Report {
  testResults: {
    name: string;
    message: string;
    assertionResults: { fullName: string; status: string; failureMessages: string[] | null }[];
  }[];
}

/** `spec file › test name` to what became of it. Equal names in one file get a number behind. */
export function readJestReport(path: string, sources: string): Outcomes {
  const outcomes: Outcomes = new Map();
  const { testResults } = JSON.parse(readFileSync(path, 'utf8')) as Report;
  for (const file of testResults) {
    const spec = relative(sources, file.name);
    if (file.assertionResults.length === 0) {
      outcomes.set(`${spec} › (the file itself)`, { status: 'failed', message: file.message });
    }
    for (const { fullName, status, failureMessages } of file.assertionResults) {
      const base = `${spec} › ${fullName.trim()}`;
      let name = base;
      for (let number = 2; outcomes.has(name); number += 1) name = `${base} (${number})`;
      outcomes.set(name, { status: statusOf(status), message: failureMessages?.[0] ?? '' });
    }
  }
  return outcomes;
}

function statusOf(status: string): Outcome['status'] {
  if (status === 'passed' || status === 'failed') return status;
  return 'skipped';
}

/**
 * The rules of this house that no bought tool knows: layers, banned calls, the shape of files, tables in
 * the documents. `--write` renews the tables instead of complaining.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { METRICS } from '../packages/polymq/src/admin/metric-table.ts';
import { checkBannedCalls } from './tidy/banned-calls.ts';
import { checkDocs, renewDocs } from './tidy/docs.ts';
import { checkFileShape } from './tidy/file-shape.ts';
import { checkLayers } from './tidy/layers.ts';
import { checkLockfile } from './tidy/lockfile.ts';
import { checkMetricNames } from './tidy/metric-names.ts';
import type { Check, Source } from './tidy/source.ts';
import { TABLES } from './tidy/tables.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TEXT = /\.(?:ts|mjs|js|json|md|yaml|yml)$/;

const CHECKS: readonly Check[] = [
  checkLayers,
  checkBannedCalls,
  checkFileShape,
  checkLockfile,
  (sources) => checkMetricNames(sources, METRICS),
  (sources) => checkDocs(sources, TABLES),
];

if (process.argv.includes('--write')) renewTables();
const sources = readSources();
const problems = CHECKS.flatMap((check) => check(sources));
for (const { path, line, message } of problems) {
  process.stderr.write(`${path}${line === undefined ? '' : `:${line}`}: ${message}\n`);
}
process.exitCode = problems.length > 0 ? 1 : 0;

function renewTables(): void {
  for (const { path, text } of readSources()) {
    const renewed = path.endsWith('.md') ? renewDocs(text, TABLES) : text;
    if (renewed !== text) writeFileSync(join(ROOT, path), renewed);
  }
}

/** What git tracks or would track. */
function readSources(): Source[] {
  const list = execFileSync('git', ['ls-files', '-z', '-c', '-o', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return list
    .split('\0')
    .filter((path) => TEXT.test(path) && existsSync(join(ROOT, path)))
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
}

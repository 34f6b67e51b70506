/** A Node 24 beside the one that runs: from npm, where its binary is a package without a script. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail, npmCommand, ROOT, run, say } from './process.mjs';

const FOLDER = join(ROOT, '.cache', 'node24');

/** The path of the program, fetched once. */
export async function node24() {
  const name = `node-${process.platform}-${process.arch}`;
  const program = join(FOLDER, 'node_modules', name, 'bin', 'node');
  if (existsSync(program)) return program;
  say('fetching Node 24 …');
  mkdirSync(FOLDER, { recursive: true });
  // A manifest of its own keeps npm from walking up to the workspace.
  writeFileSync(join(FOLDER, 'package.json'), '{ "private": true }\n');
  const [command, ...args] = [...npmCommand(), 'install', `${name}@24`, '--no-audit', '--no-fund'];
  const code = await run(command, args, { cwd: FOLDER });
  if (code !== 0) fail(`Node 24 could not be fetched from npm (exit code ${code})`);
  return program;
}

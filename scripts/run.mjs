/** Runs a TypeScript file of this repository: `node scripts/run.mjs bench/main.ts kafka --seconds 5`. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, installDependencies, requireNode } from './lib/install.mjs';
import { fail, ROOT } from './lib/process.mjs';

requireNode();
const [file, ...args] = process.argv.slice(2);
if (file === undefined) fail('say which file to run: node scripts/run.mjs FILE.ts [ARGUMENTS]', 2);
await installDependencies();
// The packages of this repository find each other by what was built; the scripts need none of them.
if (!file.startsWith('scripts/')) await build();

// In this process, so that signals and the exit code need no forwarding.
const { register } = await import('tsx/esm/api');
register();
const path = join(ROOT, file);
process.argv = [process.execPath, path, ...args];
await import(pathToFileURL(path).href);

/** Brings `node_modules` and `dist` up to date, only when they are not. */
import { existsSync, readdirSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { fail, npmCommand, ROOT, run, say } from './process.mjs';

const NODE_MIN = [20, 19];
/** In the order in which they are built. */
const PACKAGES = ['client', 'polymq'].map((name) => join(ROOT, 'packages', name));

/** Ends the script on a Node that is too old, before anything newer than it is needed. */
export function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return;
  fail(`PolyMQ needs Node ${NODE_MIN.join('.')} or newer, this is ${process.versions.node}.`);
}

/** Installs what the lock says, unless an install after its last change is there. */
export async function installDependencies() {
  const installed = join(ROOT, 'node_modules', '.package-lock.json');
  if (mtimeMs(installed) >= mtimeMs(lockPath())) return;
  say('installing dependencies …');
  // `--no-save` keeps to the lock and leaves it alone, as `npm ci` does, but removes nothing in use.
  const [command, ...args] = [...npmCommand(), 'install', '--no-save', '--loglevel=error'];
  const code = await run(command, args, { stdio: ['ignore', process.stderr, process.stderr] });
  if (code !== 0) fail(`npm install failed (exit code ${code}); is the network reachable?`, code);
  // npm leaves the file as it is when nothing had to be changed.
  if (existsSync(installed)) utimesSync(installed, new Date(), new Date());
}

/** Compiles the sources, unless the last build is newer than all of them. */
export async function build() {
  if (buildIsFresh()) return;
  say('building …');
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const code = await run(process.execPath, [tsc, '--build', 'packages/polymq'], {
    stdio: ['ignore', process.stderr, process.stderr],
  });
  if (code !== 0) fail('the build failed; the lines above say why', code);
}

function buildIsFresh() {
  return PACKAGES.every(isBuilt);
}

function isBuilt(folder) {
  const stampMs = mtimeMs(join(folder, 'dist', '.tsbuildinfo'));
  const inputs = [join(folder, 'tsconfig.json'), join(ROOT, 'tsconfig.base.json'), lockPath()];
  if (!existsSync(join(folder, 'dist', 'index.js'))) return false;
  return [...inputs, ...sources(folder)].every((path) => mtimeMs(path) <= stampMs);
}

function sources(folder) {
  const entries = readdirSync(join(folder, 'src'), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
}

function lockPath() {
  return join(ROOT, 'package-lock.json');
}

/** When the file was last changed; 0 if there is none. */
function mtimeMs(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

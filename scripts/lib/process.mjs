/** Running other programs from the scripts: with their output shown, and without a shell. */
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The top folder of the repository, wherever the script was started. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Says what happens now, on standard error: standard output belongs to what is run. */
export function say(text) {
  process.stderr.write(`${text}\n`);
}

/** Ends the script with a message for people. */
export function fail(text, code = 1) {
  say(text);
  process.exit(code);
}

/**
 * Runs a program to its end with its output shown. Resolves with its exit code; a signal counts as 1.
 * Signals that this process gets are left to the child, which the terminal signals too.
 */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: 'inherit', ...options });
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}

/** Runs a program and returns its exit code and output, or `undefined` if there is no such program. */
export function capture(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8', ...options });
  if (result.error?.code === 'ENOENT') return undefined;
  return { code: result.status ?? 1, output: `${result.stdout}${result.stderr}` };
}

/** The file that npm's own launcher points to: run by this very Node, it needs neither shell nor PATH. */
export function npmCommand() {
  const cli = process.env.npm_execpath;
  if (cli?.endsWith('.js') || cli?.endsWith('.cjs')) return [process.execPath, cli];
  return [process.platform === 'win32' ? 'npm.cmd' : 'npm'];
}

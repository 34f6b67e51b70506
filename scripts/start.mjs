/**
 * `npm start`: from a fresh clone to a running broker. Installs and builds if need be, then becomes
 * `polymq serve` with the arguments given (`npm start -- --listen kafka://127.0.0.1:0`).
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { build, installDependencies, requireNode } from './lib/install.mjs';
import { ROOT } from './lib/process.mjs';

requireNode();
await installDependencies();
await build();

const given = process.argv.slice(2);
const args = given.length === 0 || given[0].startsWith('-') ? ['serve', ...given] : given;
const program = join(ROOT, 'packages', 'polymq', 'bin', 'polymq.js');
const broker = spawn(process.execPath, [program, ...args], { cwd: ROOT, stdio: 'inherit' });

// Ctrl-C reaches the whole foreground group, `kill` only this process. The broker counts the second signal as
// «at once», so a Ctrl-C, which it got from the terminal itself, must not be passed on to it again.
process.on('SIGTERM', () => broker.kill('SIGTERM'));
process.on('SIGINT', () => {
  if (!process.stdin.isTTY) broker.kill('SIGINT');
});
broker.once('error', (error) => {
  process.stderr.write(`cannot start the broker: ${error.message}\n`);
  process.exit(1);
});
broker.once('close', (code) => process.exit(code ?? 1));

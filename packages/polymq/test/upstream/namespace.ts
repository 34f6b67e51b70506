/** A network namespace of its own, for suites that have their broker's ports written in. */
import { spawn } from 'node:child_process';

const INSIDE = 'UPSTREAM_SUITE_INSIDE';

export function insideNamespace(): boolean {
  return process.env[INSIDE] !== undefined;
}

/**
 * Runs this same program again where every port is free and nothing else is reachable, and resolves with
 * its exit code. Without root, a user namespace gives the right.
 */
export function enterNamespace(): Promise<number> {
  const flags = process.getuid?.() === 0 ? ['-n'] : ['-r', '-n'];
  const again = [process.execPath, ...nodeFlags(), ...process.argv.slice(1)];
  const script = 'ip link set lo up && exec "$@"';
  const child = spawn('unshare', [...flags, '--', 'sh', '-c', script, 'sh', ...again], {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: '1' },
  });
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('close', (code) => done(code ?? 1));
  });
}

/** `scripts/run.mjs` loads tsx in its own process, where no flag tells of it. */
function nodeFlags(): string[] {
  const flags = process.execArgv;
  if (flags.some((flag) => flag.includes('tsx'))) return flags;
  return [...flags, '--import', import.meta.resolve('tsx')];
}

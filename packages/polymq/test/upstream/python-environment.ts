/** A Python with the packages that a foreign suite needs, in an environment of its own below `.cache`. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from '../support/child.ts';
import { REPOSITORY_FOLDER } from '../support/polymq.ts';

/** Installs the packages (`name==version`) unless they are there. Resolves with the path of the program. */
export async function pythonWith(name: string, packages: readonly string[]): Promise<string> {
  const folder = join(REPOSITORY_FOLDER, '.cache', name);
  const python = join(folder, 'bin', 'python');
  // Written last, so that an installation that was cut short is not taken for one.
  const stamp = join(folder, `${packages.join(' ')}.stamp`);
  if (existsSync(stamp)) return python;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await run('python3', ['-m', 'venv', folder]);
  await run(python, ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', ...packages]);
  writeFileSync(stamp, '');
  return python;
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const child = startChild({ name: command, command, args });
  const exit = await child.exited;
  if (exit.code === 0) return;
  throw new Error(`${command} ${args.join(' ')}:\n${child.stdout}${child.stderr}`);
}

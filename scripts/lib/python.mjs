/** The Python clients under test, in an environment of their own below `.cache`. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { capture, ROOT, say } from './process.mjs';

const PACKAGES = ['aiokafka==0.14.0', 'confluent-kafka==2.16.1', 'kafka-python==3.0.12'];
const FOLDER = join(ROOT, '.cache', 'python');
/** Written last, so that an installation that was cut short is not taken for one. */
const STAMP = join(FOLDER, `${PACKAGES.join(' ')}.stamp`);

/**
 * Installs the clients unless they are there. Returns the Python that has them, or a line that says why it
 * could not be done; their tests are then skipped by name.
 */
export function pythonClients() {
  const python = join(FOLDER, 'bin', 'python');
  if (existsSync(STAMP)) return { python };
  if (capture('python3', ['--version']) === undefined) {
    return { missing: 'tests were skipped that need Python: apt-get install python3-venv' };
  }
  say('installing the Python clients …');
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...PACKAGES];
  for (const [command, args] of [
    ['python3', ['-m', 'venv', FOLDER]],
    [python, pip],
  ]) {
    const result = capture(command, args);
    if (result?.code === 0) continue;
    const reason = (result?.output ?? '').trim().split('\n').at(-1);
    return { missing: `tests were skipped that need the Python clients: ${reason}` };
  }
  writeFileSync(STAMP, '');
  return { python };
}

/** Programs that the tests need and that npm does not have. */
import { capture, run, say } from './process.mjs';

/** Program → Debian package. */
const PROGRAMS = { kcat: 'kcat', strace: 'strace' };

/** Installs what is missing if that is possible here. Returns a line for each thing it is not. */
export async function installDebianPackages() {
  const missing = missingPackages();
  if (missing.length === 0) return [];
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (process.getuid?.() !== 0 || capture('apt-get', ['--version']) === undefined) {
    return [`tests were skipped that need: ${missing.join(', ')}. Install with: sudo ${command}`];
  }
  say(`installing ${missing.join(', ')} …`);
  if (!(await aptGet(command.split(' ').slice(1)))) {
    // The package lists of a fresh image are empty or old.
    await aptGet(['update', '-q']);
    await aptGet(command.split(' ').slice(1));
  }
  const still = missingPackages();
  if (still.length === 0) return [];
  return [`tests were skipped that need: ${still.join(', ')}. This failed: ${command}`];
}

function missingPackages() {
  return Object.entries(PROGRAMS)
    .filter(([program]) => capture(program, ['-V']) === undefined)
    .map(([, name]) => name);
}

async function aptGet(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return (await run('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] })) === 0;
}

/** Programs that the tests need and that npm does not have. */
import { existsSync } from 'node:fs';
import { capture, run, say } from './process.mjs';

const runs = (program) => capture(program, ['-V']) !== undefined;

/** Debian package → whether what the tests want of it is there. */
const PACKAGES = {
  kcat: () => runs('kcat'),
  strace: () => runs('strace'),
  'amqp-tools': () => runs('amqp-publish'),
  'mosquitto-clients': () => capture('mosquitto_pub', ['--version']) !== undefined,
  'redis-server': () => existsSync('/usr/bin/redis-server'),
  'redis-tools': () => capture('redis-cli', ['--version']) !== undefined,
  'python3-boto3': () => capture('/usr/bin/python3', ['-c', 'import boto3'])?.code === 0,
  'python3-pika': () => capture('/usr/bin/python3', ['-c', 'import pika'])?.code === 0,
  postgresql: () => process.env.TEST_POSTGRES !== undefined || existsSync('/usr/lib/postgresql'),
  'rabbitmq-server': () => existsSync('/usr/lib/rabbitmq/bin/rabbitmq-server'),
};

/** Packages that bring a service of the same name, which starts when they are installed. */
const SERVICES = ['postgresql', 'rabbitmq-server', 'redis-server'];

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
  // The tests start their own; a service nobody asked for would only hold the port.
  for (const service of missing.filter((name) => SERVICES.includes(name))) {
    capture('systemctl', ['disable', '--now', service]);
  }
  const still = missingPackages();
  if (still.length === 0) return [];
  return [`tests were skipped that need: ${still.join(', ')}. This failed: ${command}`];
}

function missingPackages() {
  return Object.entries(PACKAGES)
    .filter(([, isThere]) => !isThere())
    .map(([name]) => name);
}

async function aptGet(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return (await run('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] })) === 0;
}

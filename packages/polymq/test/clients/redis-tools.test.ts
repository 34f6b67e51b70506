/** redis-cli and redis-benchmark of Debian's redis-tools against the broker. */
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Child, startChild } from '../support/child.ts';
import { eventually, uniqueName } from './peer.ts';
import { REDIS_PEER_IS_POLYMQ, type RedisPeer, startRedisPeer } from './redis-peer.ts';

const INSTALLED = !spawnSync('redis-cli', ['--version']).error;

// `npm test` installs redis-tools where it may; elsewhere: apt-get install redis-tools.
describe.skipIf(!INSTALLED)('redis-tools', () => {
  let peer: RedisPeer;

  beforeAll(async () => {
    peer = await startRedisPeer();
  });
  afterAll(() => peer?.stop());

  function start(tool: string, args: readonly string[], input?: string): Child {
    const child = startChild({
      name: tool,
      command: tool,
      args: ['-h', '127.0.0.1', '-p', `${peer.port}`, ...args],
      input,
    });
    onTestFinished(async () => void (await child.kill9()));
    return child;
  }

  async function run(tool: string, args: readonly string[], input?: string): Promise<string> {
    const child = start(tool, args, input);
    const timer = setTimeout(() => child.signal('SIGKILL'), 60_000);
    const { code } = await child.exited;
    clearTimeout(timer);
    expect(code, child.stderr).toBe(0);
    return child.stdout;
  }

  const cli = (...args: string[]): Promise<string> => run('redis-cli', args);

  test.each(['-2', '-3'])('redis-cli %s subscribes and publishes', async (version) => {
    const channel = uniqueName('cli');
    const subscriber = start('redis-cli', [version, 'subscribe', channel]);
    const patterned = start('redis-cli', [version, 'psubscribe', `${channel}*`]);
    await eventually('both are there', async () => {
      const count = await cli('pubsub', 'numsub', channel);
      const patterns = await cli('pubsub', 'numpat');
      return (count.includes('\n1') && !patterns.startsWith('0')) || undefined;
    });
    expect(await cli(version, 'publish', channel, 'hello there')).toBe('2\n');
    await eventually(
      'both have heard',
      () =>
        [subscriber, patterned].every(({ stdout }) => stdout.includes('hello there')) || undefined,
    );
    expect(await run('redis-cli', [version, '-x', 'publish', channel], 'x'.repeat(300_000))).toBe(
      '2\n',
    );
    await eventually(
      'it has heard',
      () => subscriber.stdout.includes('x'.repeat(1000)) || undefined,
    );
  });

  test('redis-cli with a name, a password and a database', async () => {
    expect(await cli('--user', 'default', '--pass', 'any', '-n', '5', 'ping')).toBe('PONG\n');
    expect(await cli('--no-auth-warning', 'client', 'getname')).toBe('\n');
    expect(await cli('info', 'server')).toContain('redis_mode:standalone');
  });

  test('redis-cli takes commands line by line', async () => {
    const output = await run('redis-cli', [], 'ping\necho "a b"\nmulti\npublish nobody 1\nexec\n');
    expect(output).toBe('PONG\na b\nOK\nQUEUED\n0\n');
    if (!REDIS_PEER_IS_POLYMQ) return;
    expect(await run('redis-cli', [], 'get x\n')).toContain('PolyMQ serves Redis Pub/Sub');
  });

  test.each(['1', '16', '100'])('redis-benchmark publishes, %s at a time', async (depth) => {
    const args = [
      '-n',
      '20000',
      '-c',
      '20',
      '-P',
      depth,
      '-q',
      'publish',
      'bench',
      'x'.repeat(100),
    ];
    expect(await run('redis-benchmark', args)).toMatch(/publish bench .*requests per second/);
  });

  test('redis-benchmark pings in both forms', async () => {
    const output = await run('redis-benchmark', ['-n', '5000', '-t', 'ping', '-q']);
    expect(output).toMatch(/PING_INLINE: .*requests per second/);
    expect(output).toMatch(/PING_MBULK: .*requests per second/);
  });
});

/** Debian's amqp-tools (on librabbitmq, a client in C) against the broker. */
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startChild } from '../support/child.ts';
import { type AmqpPeer, startAmqpPeer } from './amqp-peer.ts';
import { bodies } from './amqplib-client.ts';
import { uniqueName } from './peer.ts';

const INSTALLED = !spawnSync('amqp-publish', ['--help']).error;

// `npm test` installs amqp-tools where it may; elsewhere: apt-get install amqp-tools.
describe.skipIf(!INSTALLED)('amqp-tools', () => {
  let peer: AmqpPeer;

  beforeAll(async () => {
    peer = await startAmqpPeer();
  });
  afterAll(() => peer?.stop());

  async function run(
    tool: string,
    args: readonly string[],
    input = '',
  ): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const child = startChild({
      name: tool,
      command: `amqp-${tool}`,
      args: ['--url', peer.url, ...args],
      input,
    });
    const timer = setTimeout(() => child.signal('SIGKILL'), 30_000);
    const { code } = await child.exited;
    clearTimeout(timer);
    return { code, stdout: child.stdout, stderr: child.stderr };
  }

  async function newQueue(): Promise<string> {
    const queue = uniqueName('tools');
    const declared = await run('declare-queue', ['--queue', queue, '--durable']);
    expect(declared).toMatchObject({ code: 0, stdout: `${queue}\n`, stderr: '' });
    return queue;
  }

  test('declare-queue, publish, get and delete-queue do what they say', async () => {
    const queue = await newQueue();
    const body = ['--routing-key', queue, '--persistent', '--body', 'hello'];
    expect(await run('publish', body)).toMatchObject({ code: 0, stderr: '' });
    expect(await run('get', ['--queue', queue])).toMatchObject({ code: 0, stdout: 'hello' });
    // 2 says that there was nothing.
    expect(await run('get', ['--queue', queue])).toMatchObject({ code: 2, stdout: '' });
    await run('publish', ['--routing-key', queue, '--body', 'left']);
    const deleted = await run('delete-queue', ['--queue', queue]);
    expect(deleted).toMatchObject({ code: 0, stdout: '1\n' });
  });

  test('consume runs a command for each line that publish sent', async () => {
    const queue = await newQueue();
    const texts = bodies(20);
    const lines = `${texts.join('\n')}\n`;
    expect(await run('publish', ['-l', '-r', queue], lines)).toMatchObject({ code: 0 });
    const args = ['--queue', queue, '--count', '20', '--prefetch-count', '5', 'cat'];
    const consumed = await run('consume', args);
    expect(consumed.code).toBe(0);
    expect(consumed.stdout).toContain(texts.join('\n'));
    expect(await run('delete-queue', ['--queue', queue])).toMatchObject({ stdout: '0\n' });
  });

  test('consume binds a queue of its own to an exchange', async () => {
    const key = uniqueName('key');
    const child = startChild({
      name: 'amqp-consume',
      command: 'amqp-consume',
      args: ['--url', peer.url, '-e', 'amq.topic', '-r', `${key}.#`, '-x', '-c', '1', 'cat'],
    });
    await child.waitForLine(/Server provided queue name: amq\.gen-/, 30_000);
    // The name is printed before the binding is there: what is sent too early is routed nowhere.
    while (child.running) {
      await run('publish', ['-e', 'amq.topic', '-r', `${key}.a`, '-b', 'through the exchange']);
    }
    expect((await child.exited).code).toBe(0);
    expect(child.stdout).toContain('through the exchange');
  });

  test('headers and a content type go along', async () => {
    const queue = await newQueue();
    const args = ['-r', queue, '-C', 'text/plain', '-H', 'team: red', '-b', 'x'];
    expect(await run('publish', args)).toMatchObject({ code: 0, stderr: '' });
    expect(await run('get', ['--queue', queue])).toMatchObject({ code: 0, stdout: 'x' });
    await run('delete-queue', ['--queue', queue]);
  });

  test('errors of the broker are told', async () => {
    const get = await run('get', ['--queue', uniqueName('none')]);
    expect(get.code).not.toBe(0);
    expect(get.stderr).toContain('NOT_FOUND - no queue');
    const login = spawnSync(
      'amqp-get',
      ['--url', peer.url.replace('guest:guest', 'guest:wrong'), '--queue', 'x'],
      { encoding: 'utf8', timeout: 30_000 },
    );
    expect(login.status).not.toBe(0);
    expect(login.stderr).toMatch(/403|ACCESS_REFUSED/);
  });
});

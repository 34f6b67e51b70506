/** pika, the AMQP client of most Python programs, from Debian's package, against the broker. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startChild } from '../support/child.ts';
import { type AmqpPeer, startAmqpPeer } from './amqp-peer.ts';
import { uniqueName } from './peer.ts';

/** Debian's own Python has it; another one that comes first in the path has not. */
const PYTHON = '/usr/bin/python3';
const INSTALLED = spawnSync(PYTHON, ['-c', 'import pika']).status === 0;

// `npm test` installs python3-pika where it may; elsewhere: apt-get install python3-pika.
describe.skipIf(!INSTALLED)('pika', () => {
  let peer: AmqpPeer;

  beforeAll(async () => {
    peer = await startAmqpPeer();
  });
  afterAll(() => peer?.stop());

  test.each([
    ['a work queue with confirms, prefetch and acknowledgements', 'work_queue'],
    ['a mandatory message without a queue raises UnroutableError', 'unroutable'],
    ['a message for a full queue raises NackError', 'nacked'],
    ['transactions commit and roll back', 'transactions'],
    ['errors close the channel with their codes and leave the connection', 'errors'],
    ['request and reply over amq.rabbitmq.reply-to', 'rpc'],
  ])('%s', async (_, check) => {
    const script = fileURLToPath(new URL('python/pika_check.py', import.meta.url));
    const child = startChild({
      name: 'pika',
      command: PYTHON,
      args: [script, `${peer.url}/%2F`, uniqueName('pika'), check],
    });
    const timer = setTimeout(() => child.signal('SIGKILL'), 60_000);
    const { code } = await child.exited;
    clearTimeout(timer);
    expect({ code, stdout: child.stdout, stderr: child.stderr }).toEqual({
      code: 0,
      stdout: 'ok\n',
      stderr: '',
    });
  });
});

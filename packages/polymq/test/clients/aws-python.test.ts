/** boto3 as Debian has it, which speaks the older Query protocol to SQS, against the broker. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startChild } from '../support/child.ts';
import { type AwsPeer, lacksIt, startAwsPeer } from './aws-peer.ts';
import { type AwsTap, startTap } from './aws-tap.ts';
import { uniqueName } from './peer.ts';

/** Debian's own Python has it; another one that comes first in the path may have a newer one, or none. */
const PYTHON = '/usr/bin/python3';
const INSTALLED = spawnSync(PYTHON, ['-c', 'import boto3']).status === 0;

// `npm test` installs python3-boto3 where it may; elsewhere: apt-get install python3-boto3.
describe.skipIf(!INSTALLED)('boto3', () => {
  let peer: AwsPeer;
  let tap: AwsTap;

  beforeAll(async () => {
    peer = await startAwsPeer();
    tap = await startTap(peer);
  });
  afterAll(async () => {
    await tap?.close();
    await peer?.stop();
  });

  async function run(check: string): Promise<void> {
    const script = fileURLToPath(new URL('python/boto3_check.py', import.meta.url));
    const child = startChild({
      name: 'boto3',
      command: PYTHON,
      args: [script, tap.endpoint, uniqueName('boto3'), check],
    });
    const timer = setTimeout(() => child.signal('SIGKILL'), 60_000);
    const { code } = await child.exited;
    clearTimeout(timer);
    expect({ code, stdout: child.stdout, stderr: child.stderr }).toEqual({
      code: 0,
      stdout: 'ok\n',
      stderr: '',
    });
  }

  test('messages with attributes of all types, visibility, tags and attributes of a queue, over XML', async () => {
    await run('send_and_receive');
    const wires = new Set(tap.requests.map(({ wire }) => wire));
    expect([...wires]).toEqual(['query']);
    const { answer } = tap.requests[0]!;
    expect(answer.contentType).toMatch(/^text\/xml/);
    expect(answer.body).toContain('xmlns="http://queue.amazonaws.com/doc/2012-11-05/"');
  });

  // What ElasticMQ and moto cannot do is said at the tests of the SDKs.
  test.each([
    ['a poll waits until a message is there', 'long_poll', []],
    ['batches say which entries failed', 'batches', ['moto']],
    ['FIFO groups and duplicates', 'fifo', ['elasticmq', 'moto']],
    ['a message is dead after three receives', 'dead_letters', []],
    ['errors have the codes and statuses of the older protocol', 'errors', ['elasticmq', 'moto']],
    ['a topic reaches three queues as their subscriptions say', 'topics', ['elasticmq']],
    ['a presigned URL sends a message', 'presigned', ['elasticmq', 'moto']],
    ['resources poll, delete and purge', 'resources', []],
  ] as const)('%s', async (_, check, notWith) => {
    if (lacksIt(...notWith)) return;
    await run(check);
  });
});

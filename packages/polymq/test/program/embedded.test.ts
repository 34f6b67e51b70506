/** A program that embeds the broker is killed at work; the next one finds everything it was promised. */
import { fileURLToPath } from 'node:url';
import { embed } from 'polymq';
import { afterEach, describe, expect, it } from 'vitest';
import { type Child, startChild } from '../support/child.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const CHILD = fileURLToPath(new URL('./embedded/child.ts', import.meta.url));
const WAITING = fileURLToPath(new URL('./embedded/waiting.ts', import.meta.url));
const WORKER = fileURLToPath(new URL('./embedded/worker.ts', import.meta.url));
const ARGS = ['--conditions=@polymq/source', '--import', import.meta.resolve('tsx')];
const WAIT_MS = 60_000;
const folder = temporaryFolder('polymq-embedded-');

afterEach(() => folder.remove());

function start(): Child {
  return startChild({
    command: process.execPath,
    args: [...ARGS, CHILD, folder.path],
    name: 'a program that embeds the broker',
  });
}

describe('an embedded broker', () => {
  it('keeps over kill -9 what it acknowledged, and how often it was handed out', async () => {
    const child = start();
    await child.waitForLine(/handling 0 for the 1\. time/, WAIT_MS);
    await child.waitForLine(/durable 500/, WAIT_MS);
    await child.kill9();

    const mq = await embed({ data: folder.path });
    try {
      const orders = mq.queue<{ n: number }>('orders');
      expect(await orders.stats()).toMatchObject({ ready: 500, leased: 0, delayed: 1 });
      const messages = await orders.receiveBatch({ max: 500, wait: '5s' });
      expect(messages.map(({ data }) => data.n)).toEqual(Array.from({ length: 500 }, (_, n) => n));
      // Its holder went with the process, so it need not wait for the end of the lease.
      expect(messages[0]!.retryCount).toBe(1);
      expect(messages.slice(100).every(({ retryCount }) => retryCount === 0)).toBe(true);
      expect(await orders.send({ n: -1 }, { dedupe: 'once' })).toMatchObject({ duplicate: true });
      const readers = mq.topic<number>('events').group('readers');
      expect((await readers.lag()).total).toBe(0);
      await readers.seek('start');
      expect((await readers.lag()).total).toBe(10);
    } finally {
      await mq.close();
    }
  });
});

describe('a message that kills its worker each time', () => {
  it('runs out of attempts, and none of those around it does', async () => {
    const deaths: string[] = [];
    const outputs: string[] = [];
    for (let code: number | null = null; code === null && deaths.length < 5; ) {
      const child = startChild({
        command: process.execPath,
        args: [...ARGS, WORKER, folder.path],
        name: 'a worker',
      });
      const exit = await child.exited;
      expect(child.stderr).toBe('');
      outputs.push(child.stdout);
      code = exit.code;
      if (code === null) deaths.push(exit.signal!);
    }
    const lines = outputs.join('').trimEnd().split('\n');
    const done = new Set(lines.flatMap((line) => /^done (\d+)$/.exec(line)?.[1] ?? []));
    expect([...done].map(Number).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, n) => n).filter((n) => n !== 5),
    );
    expect(lines.filter((line) => line.includes('gave up after 1 attempts'))).not.toEqual([]);
    // The first time, nobody can know which of those that the worker held has killed it.
    expect(deaths.length).toBeLessThanOrEqual(2);
  });
});

describe('a program that embeds the broker and only waits', () => {
  it.each([
    ['for a consumer', ['consumer']],
    ['for a consumer, by a clock of its own', ['consumer', 'manual']],
    ['in a loop over messages', ['loop']],
    ['for a member of a group', ['group']],
    ['for a subscription', ['subscription']],
    ['for a live subscription', ['live']],
    ['for requests', ['service']],
    ['in receive', ['receive']],
  ])('lives as long as it waits %s, and ends by itself then', async (_how, args) => {
    const child = startChild({
      command: process.execPath,
      args: [...ARGS, WAITING, ...args],
      name: 'a program that waits',
    });
    try {
      await child.waitForLine(/^ended with/m, WAIT_MS);
      expect(await child.exited).toEqual({ code: 0, signal: null });
      expect(child.stdout).toBe('it came\nclosed\nended with 0\n');
    } finally {
      await child.kill9();
    }
  });
});

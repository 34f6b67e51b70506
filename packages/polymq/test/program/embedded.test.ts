/** A program that embeds the broker is killed at work; the next one finds everything it was promised. */
import { fileURLToPath } from 'node:url';
import { embed } from 'polymq';
import { afterEach, describe, expect, it } from 'vitest';
import { type Child, startChild } from '../support/child.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const CHILD = fileURLToPath(new URL('./embedded/child.ts', import.meta.url));
const WAIT_MS = 60_000;
const folder = temporaryFolder('polymq-embedded-');

afterEach(() => folder.remove());

function start(): Child {
  const args = ['--conditions=@polymq/source', '--import', import.meta.resolve('tsx'), CHILD];
  return startChild({
    command: process.execPath,
    args: [...args, folder.path],
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

/**
 * What is particular to the driver for Redis Pub/Sub, on redis-server and on PolyMQ's Redis port: the envelope, messages of other
 * programs, passwords, slow handlers. What every driver must do stands in the contract suite.
 */
import { randomUUID } from 'node:crypto';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../../polymq/test/support/apache-kafka.ts';
import { startChild } from '../../../polymq/test/support/child.ts';
import type { Driver } from '../../src/driver/driver.ts';
import { open } from '../../src/drivers/redis/index.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { TopicRecord, WireMessage } from '../../src/message/wire-message.ts';
import { eventually } from '../contract/stage.ts';
import {
  type Engine,
  redisMissing,
  startPolymqEngine,
  startRedisEngine,
} from '../support/engines.ts';

const context = {
  clock: systemClock,
  timeoutMs: 5_000,
  clientName: 'redis driver test',
  onConnection: () => {},
};

function message(body: string | Uint8Array, more: Partial<WireMessage> = {}): WireMessage {
  const facts = { id: randomUUID(), contentType: 'text/plain', headers: {}, timestampMs: 1_000 };
  return { ...facts, body: Buffer.from(body), ...more };
}

const newName = (): string => `channel-${randomUUID()}`;
const textOf = ({ body }: { body: Uint8Array }): string => Buffer.from(body).toString();

const missing = redisMissing();
const ENGINES: [string, () => Promise<Engine>, string | undefined][] = [
  ['redis-server', startRedisEngine, missing],
  ['PolyMQ', () => startPolymqEngine(['redis']), undefined],
];

for (const [name, start, why] of ENGINES) {
  // Skipped without redis-server: Debian's package of that name.
  describe.skipIf(why !== undefined)(`redis driver on ${name}${why ? `: ${why}` : ''}`, () => {
    let engine: Engine;
    let driver: Driver;
    let foreign: ReturnType<typeof createClient>;

    beforeAll(async () => {
      engine = await start();
      const url = `redis://127.0.0.1:${engine.port('redis')}`;
      driver = await open(new URL(url), undefined, context);
      foreign = createClient({ url });
      await foreign.connect();
    });
    afterAll(async () => {
      foreign?.destroy();
      await driver?.close();
      await engine?.stop();
    });

    async function subscribe(channel: string): Promise<TopicRecord[]> {
      const records: TopicRecord[] = [];
      const sink = { deliver: (some: readonly TopicRecord[]) => void records.push(...some) };
      await driver.topics!.subscribeTopic(channel, { at: 'new' }, { ...sink, ended: () => {} });
      return records;
    }

    it('shows other programs JSON, with the data in it', async () => {
      const channel = newName();
      const seen: string[] = [];
      const reader = foreign.duplicate();
      await reader.connect();
      await reader.subscribe(channel, (text) => void seen.push(text));
      await driver.topics!.publish(channel, [
        message('{"order": 17.0}', { contentType: 'application/json', key: 'k', type: 'Placed' }),
        message('plain'),
        message(Uint8Array.of(0, 255), { contentType: 'application/octet-stream' }),
      ]);
      await eventually('all came', () => seen.length === 3);
      const [first, second, third] = seen.map((text) => JSON.parse(text));
      expect(first).toMatchObject({ polymq: 1, key: 'k', type: 'Placed', data: { order: 17 } });
      expect(second).toMatchObject({ polymq: 1, text: 'plain', timestamp: 1_000 });
      expect(third).toMatchObject({ polymq: 1, base64: 'AP8=' });
      reader.destroy();
    });

    it('gives back the very bytes of JSON that was published', async () => {
      const channel = newName();
      const records = await subscribe(channel);
      const bodies = ['{"a": 1.0,\n "b":"}"}', '[1,2]', '"ü"', '0', 'not JSON'];
      const contentType = 'application/json';
      await driver.topics!.publish(
        channel,
        bodies.map((body) => message(body, { contentType, headers: { data: '"data":1' } })),
      );
      await eventually('all came', () => records.length === bodies.length);
      expect(records.map(textOf)).toEqual(bodies);
      for (const record of records) {
        expect(record).toMatchObject({ contentType, headers: { data: '"data":1' }, offset: -1 });
      }
    });

    it('takes what other programs publish as the body, whatever it is', async () => {
      const channel = newName();
      const records = await subscribe(channel);
      const payloads = [
        'text',
        '{"a":1}',
        '{"polymq":2}',
        '{"polymq":1',
        '{"polymq":1,"data":{"x":1}}',
      ];
      for (const payload of payloads) await foreign.publish(channel, payload);
      await foreign.publish(channel, Buffer.from([0, 255]) as never);
      await eventually('all came', () => records.length === 6);
      expect(records.slice(0, 4).map(textOf)).toEqual(payloads.slice(0, 4));
      expect(records[4]).toMatchObject({ contentType: 'application/json', headers: {} });
      expect(textOf(records[4]!)).toBe('{"x":1}');
      expect([...records[5]!.body]).toEqual([0, 255]);
      expect(new Set(records.map(({ id }) => id)).size).toBe(6);
    });

    it('drops the oldest for a handler that does not keep up, and goes on', async () => {
      const channel = newName();
      const records: TopicRecord[] = [];
      let release: () => void = () => {};
      const busy = new Promise<void>((resolve) => {
        release = resolve;
      });
      await driver.topics!.subscribeTopic(
        channel,
        { at: 'new' },
        {
          deliver(some) {
            records.push(...some);
            return busy;
          },
          ended: () => {},
        },
      );
      await driver.topics!.publish(channel, [message('first')]);
      await eventually('the first came', () => records.length === 1);
      const many = Array.from({ length: 12_000 }, (_, n) => message(`${n}`));
      for (let at = 0; at < many.length; at += 1_000) {
        await driver.topics!.publish(channel, many.slice(at, at + 1_000));
      }
      await driver.topics!.publish(channel, [message('last')]);
      // What stands behind the busy handler has come when a message on another channel has.
      const fence = newName();
      const passed = await subscribe(fence);
      await driver.topics!.publish(fence, [message('now')]);
      await eventually('the fence was passed', () => passed.length === 1);
      release();
      await eventually('the last came', () => records.at(-1)?.body.toString() === 'last');
      expect(records.length).toBeGreaterThan(8_000);
      expect(records.length).toBeLessThan(12_000);
      const numbers = records.slice(1, -1).map((record) => Number(textOf(record)));
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    });

    it('refuses what would have to be stored', async () => {
      const topics = driver.topics!;
      const sink = { deliver: () => {}, ended: () => {} };
      await expect(topics.subscribeTopic('x', { at: 'start' }, sink)).rejects.toMatchObject({
        code: 'unsupported',
        capability: 'replay',
      });
      const spec = { name: 'x', live: false, retentionMs: 1_000 };
      await expect(topics.declareTopic(spec)).rejects.toMatchObject({ code: 'unsupported' });
    });

    it('finds responders of services whose names are patterns', async () => {
      const requests = driver.requests!;
      const seen: string[] = [];
      const server = await requests.serve('price[*]?', 1, (request, done) => {
        seen.push(textOf(request));
        done();
      });
      expect(await requests.request('priceX', message('no'))).toBe('no-responder');
      expect(await requests.request('price[*]?', message('yes'))).toBe('sent');
      await eventually('it came', () => seen.length === 1);
      await server.close();
      expect(await requests.request('price[*]?', message('gone'))).toBe('no-responder');
    });
  });
}

it('says that nobody is there, within its time', async () => {
  const port = await freePort();
  const opening = open(new URL(`redis://127.0.0.1:${port}`), undefined, {
    ...context,
    timeoutMs: 300,
  });
  await expect(opening).rejects.toMatchObject({ name: 'PolymqError', retryable: true });
});

// Skipped without redis-server: Debian's package of that name.
it.skipIf(missing !== undefined)(
  'logs in with the password of the URL, to its database',
  async () => {
    const port = await freePort();
    const child = startChild({
      name: 'redis-server',
      command: '/usr/bin/redis-server',
      args: ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--requirepass', 'se/cret'],
    });
    try {
      await child.waitForLine(/Ready to accept connections/, 10_000);
      const wrong = open(new URL(`redis://:nope@127.0.0.1:${port}`), undefined, context);
      await expect(wrong).rejects.toMatchObject({ code: 'access-refused' });
      const right = new URL(`redis://:${encodeURIComponent('se/cret')}@127.0.0.1:${port}/3`);
      const driver = await open(right, undefined, context);
      await driver.topics!.publish('x', [message('hello')]);
      await driver.close();
      await driver.close();
    } finally {
      await child.stop();
    }
  },
);

/** What messages carry: data of every kind, properties, headers, and what others wrote. */

import { describe, expect, it } from 'vitest';
import type { WireMessage } from '../../src/message/wire-message.ts';
import { collect, drain, eventually, facts, type Stage, take } from './stage.ts';

const UNICODE = 'Grüße, Ωμέγα, 你好, 🦊, \u0000, "quoted", line\nbreak, \u2028';

const DATA: Readonly<Record<string, unknown>> = {
  'an object': { a: 1, nested: { list: [1, 'two', null, true] } },
  'an empty object': {},
  'a list': [1, 2, 3],
  text: 'hello',
  'empty text': '',
  'text that looks like JSON': '{"a":1}',
  'text beyond ASCII': UNICODE,
  'an object with text beyond ASCII': { [UNICODE]: UNICODE },
  zero: 0,
  'a large number': 1.7976931348623157e308,
  false: false,
  null: null,
};

export function describeBodies(stage: Stage): void {
  describe('data and properties', () => {
    it.each(Object.entries(DATA))('carries %s', async (_, data) => {
      const queue = stage.queue();
      await queue.send(data);
      const [message] = await drain(queue, 1);
      expect(message?.data).toEqual(data);
    });

    it('turns nothing at all into null', async () => {
      const queue = stage.queue();
      await queue.send(undefined);
      expect((await drain(queue, 1))[0]?.data).toBeNull();
    });

    it('carries bytes, every value of them and none', async () => {
      const queue = stage.queue<Uint8Array>();
      const all = Uint8Array.from({ length: 512 }, (_, index) => index % 256);
      await queue.send(all);
      await queue.send(new Uint8Array(0));
      const received = (await drain(queue, 2)).map(({ data }) => Buffer.from(data));
      received.sort((a, b) => b.length - a.length);
      expect(received.map((bytes) => bytes.toString('hex'))).toEqual([
        Buffer.from(all).toString('hex'),
        '',
      ]);
    });

    it('carries large bodies', async () => {
      const queue = stage.queue<Uint8Array>();
      const large = Buffer.alloc(stage.contract.bodyBytes ?? 1 << 20);
      for (let index = 0; index < large.length; index += 1) large[index] = (index * 31) % 251;
      await queue.send(large);
      const [message] = await drain(queue, 1);
      expect(large.equals(message!.data)).toBe(true);
    });

    it('carries type, key, correlation id, reply address and time', async () => {
      const queue = stage.queue();
      const beforeMs = stage.client.clock.nowMs();
      await queue.send(1, {
        type: 'Grüße',
        key: 'Schlüssel 1',
        correlationId: 'correlation-1',
        replyTo: 'somewhere',
      });
      const message = await take(queue);
      expect(facts(message)).toMatchObject({
        type: 'Grüße',
        key: 'Schlüssel 1',
        correlationId: 'correlation-1',
        replyTo: 'somewhere',
      });
      expect(message.timestamp).toBeGreaterThanOrEqual(beforeMs);
      expect(message.timestamp).toBeLessThanOrEqual(stage.client.clock.nowMs());
      await message.ack();
    });

    it('has none of them when none were given', async () => {
      const queue = stage.queue();
      await queue.send(1);
      const [message] = await drain(queue, 1);
      expect(facts(message)).toMatchObject({ headers: {} });
      for (const name of ['type', 'key', 'correlationId', 'replyTo'] as const) {
        expect(message?.[name], name).toBeUndefined();
      }
    });

    it('carries many headers, also empty ones and text beyond ASCII', async () => {
      const queue = stage.queue();
      const headers: Record<string, string> = { empty: '', greeting: UNICODE, 'X-Upper': 'Case' };
      for (let index = 0; index < 20; index += 1) headers[`header-${index}`] = `value ${index}`;
      await queue.send(1, { headers });
      expect((await drain(queue, 1))[0]?.headers).toEqual(headers);
    });

    it('carries everything to the letter, so that signatures hold', async () => {
      const queue = stage.queue();
      await queue.ready();
      const driver = stage.client.driver.queues!;
      const wire: WireMessage = {
        id: 'id with spaces/Ü',
        body: Uint8Array.of(1, 0, 255),
        contentType: 'application/vnd.own; charset="x"',
        type: 'Own.Type/1',
        headers: { 'polymq-version': '3', 'polymq-own': 'x', plain: 'y' },
        key: 'k:1',
        timestampMs: 1_700_000_000_123,
        correlationId: 'c/1',
        replyTo: 'r/1',
      };
      await driver.send(queue.name, [wire]);
      const request = { max: 1, waitMs: 30_000, leaseMs: 60_000 };
      const [delivery] = await driver.receive(queue.name, request);
      const { id, contentType, type, headers, key, timestampMs } = delivery!;
      const { correlationId, replyTo } = delivery!;
      const body = Uint8Array.from(delivery!.body);
      const texts = { id, contentType, type, headers, key, timestampMs };
      expect({ ...texts, correlationId, replyTo, body }).toEqual(wire);
      await driver.ack(delivery!);
    });

    it('shows nothing of its own among the headers, also after a retry', async () => {
      const queue = stage.queue();
      await queue.send(1, { headers: { mine: 'yes' } });
      await (await take(queue)).nack({ delay: 0 });
      expect((await drain(queue, 1))[0]?.headers).toEqual({ mine: 'yes' });
    });
  });
  describeOthers(stage);
}

/** Messages by programs without the SDK say less about themselves. */
function describeOthers(stage: Stage): void {
  const wire = (id: string, text: string | Uint8Array, contentType = ''): WireMessage => ({
    id,
    body: typeof text === 'string' ? Buffer.from(text) : text,
    contentType,
    headers: {},
    timestampMs: 1_700_000_000_000,
  });

  describe('messages that others wrote', () => {
    it('are JSON if they parse, else text, else bytes', async () => {
      const queue = stage.queue();
      await queue.ready();
      const bytes = Uint8Array.of(0xff, 0xfe, 0x00);
      await stage.client.driver.queues!.send(queue.name, [
        wire('a', '{"a":1}'),
        wire('b', 'just text'),
        wire('c', bytes),
      ]);
      const byId = new Map((await drain(queue, 3)).map(({ id, data }) => [id, data]));
      expect(byId.get('a')).toEqual({ a: 1 });
      expect(byId.get('b')).toBe('just text');
      expect(Buffer.from(byId.get('c') as Uint8Array)).toEqual(Buffer.from(bytes));
    });

    it('end as dead letters, with the bytes, when they are not what they say', async () => {
      const queue = stage.queue();
      await queue.ready();
      const broken = wire('broken', '{"a":', 'application/json');
      await stage.client.driver.queues!.send(queue.name, [broken, wire('whole', '"fine"')]);
      const seen = collect(queue);
      const [message] = await seen.until(1);
      expect(message?.data).toBe('fine');
      const [letter] = await eventually('it is a dead letter', async () => {
        const letters = await queue.deadLetters.list();
        return letters.length === 1 && letters;
      });
      expect(letter).toMatchObject({ id: 'broken', data: undefined, queue: queue.name });
      expect(Buffer.from(letter!.body).toString()).toBe('{"a":');
      expect(letter?.reason).toBeTruthy();
      expect(seen.errors).toHaveLength(1);
      await seen.consumer.close();
    });

    if (stage.engine.sendForeign === undefined) return;
    it('come in as the client library of the engine sent them', async () => {
      const queue = stage.queue();
      await queue.ready();
      const body = Buffer.from('{"from":"elsewhere"}');
      await stage.engine.sendForeign!(queue.name, { body, headers: { origin: 'other' } });
      const [message] = await drain(queue, 1);
      expect(message?.data).toEqual({ from: 'elsewhere' });
      expect(message?.headers).toMatchObject({ origin: 'other' });
      expect(message?.id).toBeTruthy();
    });

    if (stage.engine.receiveForeign === undefined) return;
    it('are readable for the client library of the engine the other way round', async () => {
      const queue = stage.queue();
      await queue.send({ to: 'elsewhere' }, { headers: { origin: 'sdk' } });
      const message = await stage.engine.receiveForeign!(queue.name);
      expect(JSON.parse(Buffer.from(message.body).toString())).toEqual({ to: 'elsewhere' });
      expect(message.headers).toMatchObject({ origin: 'sdk' });
    });
  });
}

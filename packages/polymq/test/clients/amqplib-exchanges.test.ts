/** Exchanges and bindings, as programs with amqplib use them beyond the plain four types. */
import type { Channel } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AmqpPeer, startAmqpPeer } from './amqp-peer.ts';
import {
  bodies,
  channelOf,
  closedWith,
  collect,
  drain,
  handled,
  openChannel,
  openConnection,
  text,
  untilReady,
} from './amqplib-client.ts';
import { uniqueName } from './peer.ts';

let peer: AmqpPeer;

beforeAll(async () => {
  peer = await startAmqpPeer();
});
afterAll(() => peer?.stop());

/** A queue of this connection alone, bound as said. */
async function boundQueue(
  channel: Channel,
  exchange: string,
  key: string,
  args: Record<string, unknown> = {},
): Promise<string> {
  const { queue } = await channel.assertQueue('', { exclusive: true });
  await channel.bindQueue(queue, exchange, key, args);
  return queue;
}

async function newExchange(
  channel: Channel,
  type: string,
  options: Record<string, unknown> = {},
): Promise<string> {
  const { exchange } = await channel.assertExchange(uniqueName(type), type, {
    autoDelete: true,
    durable: false,
    ...options,
  });
  return exchange;
}

describe('routing', () => {
  test('the default exchange routes to the queue named by the routing key', async () => {
    const channel = await openChannel(peer);
    const { queue } = await channel.assertQueue('', { exclusive: true });
    channel.publish('', queue, Buffer.from('direct'));
    const message = await channel.get(queue, { noAck: true });
    expect(message).toMatchObject({ fields: { exchange: '', routingKey: queue } });
  });

  test('a direct exchange gives a message to every queue bound with its key, once each', async () => {
    const channel = await openChannel(peer);
    const exchange = await newExchange(channel, 'direct');
    const both = await boundQueue(channel, exchange, 'info');
    await channel.bindQueue(both, exchange, 'error');
    const errors = await boundQueue(channel, exchange, 'error');
    for (const key of ['info', 'error', 'debug']) channel.publish(exchange, key, Buffer.from(key));
    expect((await drain(channel, both)).map(text)).toEqual(['info', 'error']);
    expect((await drain(channel, errors)).map(text)).toEqual(['error']);
  });

  test('a message that matches several bindings of one queue arrives once', async () => {
    const channel = await openChannel(peer);
    const exchange = await newExchange(channel, 'topic');
    const queue = await boundQueue(channel, exchange, '#');
    await channel.bindQueue(queue, exchange, 'a.*');
    await channel.bindQueue(queue, exchange, 'a.b');
    channel.publish(exchange, 'a.b', Buffer.from('once'));
    expect(await drain(channel, queue)).toHaveLength(1);
  });

  test('an unbound queue gets nothing more', async () => {
    const channel = await openChannel(peer);
    const exchange = await newExchange(channel, 'topic', { autoDelete: false });
    const queue = await boundQueue(channel, exchange, 'a.*');
    await channel.bindQueue(queue, exchange, 'b.*');
    await channel.unbindQueue(queue, exchange, 'a.*');
    for (const key of ['a.x', 'b.x']) channel.publish(exchange, key, Buffer.from(key));
    expect((await drain(channel, queue)).map(text)).toEqual(['b.x']);
    await channel.deleteExchange(exchange);
  });

  test('topic words may be empty, and # stands for any number of them anywhere', async () => {
    const channel = await openChannel(peer);
    const exchange = await newExchange(channel, 'topic');
    const keys = ['', '.', 'a', 'a.', '.a', 'a.b', 'a.b.c', 'a..c', 'x.a.y.b.z'];
    const matches: Record<string, string[]> = {
      '#': keys,
      '*': ['a'],
      '*.*': ['.', 'a.', '.a', 'a.b'],
      'a.#': ['a', 'a.', 'a.b', 'a.b.c', 'a..c'],
      'a.*.c': ['a.b.c', 'a..c'],
      'a.#.c': ['a.b.c', 'a..c'],
      '#.a.#.b.#': ['a.b', 'a.b.c', 'x.a.y.b.z'],
    };
    const got: Record<string, string[]> = {};
    const queues: [string, string][] = [];
    for (const pattern of Object.keys(matches)) {
      queues.push([pattern, await boundQueue(channel, exchange, pattern)]);
    }
    for (const key of keys) channel.publish(exchange, key, Buffer.from(key));
    for (const [pattern, queue] of queues) got[pattern] = (await drain(channel, queue)).map(text);
    expect(got).toEqual(matches);
  });

  test('headers bindings compare types and ignore x- headers unless told with -with-x', async () => {
    const channel = await openChannel(peer);
    const exchange = await newExchange(channel, 'headers');
    const bind = (args: Record<string, unknown>) => boundQueue(channel, exchange, '', args);
    const queues = {
      number: await bind({ 'x-match': 'all', size: 1 }),
      ignored: await bind({ 'x-match': 'all', 'x-team': 'red', size: 1 }),
      all: await bind({ 'x-match': 'all-with-x', 'x-team': 'red', size: 1 }),
      any: await bind({ 'x-match': 'any-with-x', 'x-team': 'red', size: 1 }),
      everything: await bind({ 'x-match': 'all' }),
      unsaid: await bind({ size: 1, colour: 'blue' }),
    };
    const publish = (body: string, headers: Record<string, unknown>) =>
      channel.publish(exchange, '', Buffer.from(body), { headers });
    publish('1', { size: 1 });
    publish('1 red', { size: 1, 'x-team': 'red' });
    publish('red', { 'x-team': 'red' });
    publish('text', { size: '1' });
    publish('1 blue', { size: 1, colour: 'blue' });
    const got: Record<string, string[]> = {};
    for (const [name, queue] of Object.entries(queues)) {
      got[name] = (await drain(channel, queue)).map(text);
    }
    expect(got).toEqual({
      number: ['1', '1 red', '1 blue'],
      ignored: ['1', '1 red', '1 blue'],
      all: ['1 red'],
      any: ['1', '1 red', 'red', '1 blue'],
      everything: ['1', '1 red', 'red', 'text', '1 blue'],
      unsaid: ['1 blue'],
    });
  });

  test('an alternate exchange gets what no binding took', async () => {
    const channel = await openChannel(peer);
    const lost = await newExchange(channel, 'fanout');
    const lostQueue = await boundQueue(channel, lost, '');
    const exchange = await newExchange(channel, 'direct', {
      arguments: { 'alternate-exchange': lost },
    });
    const queue = await boundQueue(channel, exchange, 'known');
    const returned: string[] = [];
    channel.on('return', (message) => returned.push(text(message)));
    for (const key of ['known', 'unknown']) {
      channel.publish(exchange, key, Buffer.from(key), { mandatory: true });
    }
    expect((await drain(channel, queue)).map(text)).toEqual(['known']);
    const [message] = await drain(channel, lostQueue);
    expect(message).toMatchObject({ fields: { exchange, routingKey: 'unknown' } });
    await handled(channel);
    expect(returned).toEqual([]);
  });

  test('an exchange bound to an exchange passes messages on, also around a circle', async () => {
    const channel = await openChannel(peer);
    const source = await newExchange(channel, 'topic', { autoDelete: false });
    const target = await newExchange(channel, 'fanout', { autoDelete: false });
    const queue = await boundQueue(channel, target, '');
    await channel.bindExchange(target, source, 'a.#');
    await channel.bindExchange(source, target, '');
    await channel.bindQueue(queue, source, 'a.b');
    for (const key of ['a.b', 'b.b']) channel.publish(source, key, Buffer.from(key));
    const got = await drain(channel, queue);
    expect(got.map(text)).toEqual(['a.b']);
    expect(got[0]!.fields.exchange).toBe(source);
    await channel.unbindExchange(target, source, 'a.#');
    await channel.unbindQueue(queue, source, 'a.b');
    channel.publish(source, 'a.b', Buffer.from('again'));
    expect(await drain(channel, queue)).toEqual([]);
    for (const name of [source, target]) await channel.deleteExchange(name);
  });

  test('CC and BCC name more routing keys; only BCC is taken out of the message', async () => {
    const channel = await openChannel(peer);
    const queues: string[] = [];
    for (let index = 0; index < 3; index += 1) {
      queues.push((await channel.assertQueue('', { exclusive: true })).queue);
    }
    const [to, copy, blind] = queues as [string, string, string];
    channel.sendToQueue(to, Buffer.from('all'), { CC: [copy], BCC: [blind, copy] });
    for (const queue of queues) {
      const got = await drain(channel, queue);
      expect(got.map(text)).toEqual(['all']);
      expect(got[0]!.fields.routingKey).toBe(to);
      expect(got[0]!.properties.headers).toEqual({ CC: [copy] });
    }
  });

  test('a consistent-hash exchange gives equal keys to one queue and uses all queues', async () => {
    const channel = await openChannel(peer);
    const exchange = await newExchange(channel, 'x-consistent-hash');
    const queues = [
      await boundQueue(channel, exchange, '10'),
      await boundQueue(channel, exchange, '10'),
      await boundQueue(channel, exchange, '10'),
    ];
    const keys = bodies(200, 'customer');
    for (const key of [...keys, ...keys]) channel.publish(exchange, key, Buffer.from(key));
    const got: string[][] = [];
    for (const queue of queues) got.push((await drain(channel, queue)).map(text));
    expect(got.flat().toSorted()).toEqual([...keys, ...keys].toSorted());
    const keysOf = got.map((texts) => new Set(texts));
    expect(keysOf.reduce((sum, set) => sum + set.size, 0)).toBe(keys.length);
    for (const set of keysOf) expect(set.size).toBeGreaterThan(10);
  });

  test('a random exchange gives each message to one of its queues', async () => {
    const channel = await openChannel(peer);
    const exchange = await newExchange(channel, 'x-random');
    const queues = [
      await boundQueue(channel, exchange, 'a'),
      await boundQueue(channel, exchange, 'b'),
    ];
    for (const body of bodies(100)) channel.publish(exchange, 'any', Buffer.from(body));
    const got: string[][] = [];
    for (const queue of queues) got.push((await drain(channel, queue)).map(text));
    expect(got.flat().toSorted()).toEqual(bodies(100).toSorted());
    for (const texts of got) expect(texts.length).toBeGreaterThan(10);
  });

  test('a filter exchange gives a message to those whose policy takes its headers or its body', async () => {
    const channel = await openChannel(peer);
    const exchange = await newExchange(channel, 'x-filter');
    const all = await boundQueue(channel, exchange, '');
    const byHeaders = await boundQueue(channel, exchange, '', {
      'filter-policy': '{"kind":["a",{"prefix":"b"}],"size":[{"numeric":[">",5]}]}',
    });
    const byBody = await boundQueue(channel, exchange, '', {
      'filter-policy': '{"order":{"items":{"sku":["x"]}}}',
      'filter-scope': 'MessageBody',
    });
    const order = (sku: string) => Buffer.from(JSON.stringify({ order: { items: [{ sku }] } }));
    // The second body takes several frames.
    const long = Buffer.from(`{"pad":"${'.'.repeat(300_000)}","order":{"items":[{"sku":"x"}]}}`);
    channel.publish(exchange, 'k', order('x'), { headers: { kind: 'a', size: 5 } });
    channel.publish(exchange, 'k', long, { headers: { kind: ['c', 'bc'], size: 5.5 } });
    channel.publish(exchange, 'k', order('y'), { headers: { kind: 'a', size: 6 } });
    const counts = [all, byHeaders, byBody].map(async (queue) => {
      return (await drain(channel, queue)).map(({ content }) => content.length);
    });
    const [three, headed, bodied] = await Promise.all(counts);
    expect(three).toHaveLength(3);
    expect(headed).toEqual([long.length, order('y').length]);
    expect(bodied).toEqual([order('x').length, long.length]);
  });

  test('a filter policy that cannot be compiled is refused', async () => {
    const channel = await openChannel(peer);
    const closed = closedWith(channel);
    const exchange = await newExchange(channel, 'x-filter');
    const bound = boundQueue(channel, exchange, '', { 'filter-policy': '{"kind":"a"}' });
    await expect(bound).rejects.toThrow(/must be an object or an array/);
    await closed.catch(() => undefined);
  });
});

describe('declaring exchanges', () => {
  test('the exchanges of every RabbitMQ are there', async () => {
    const channel = await openChannel(peer);
    for (const name of ['direct', 'fanout', 'topic', 'headers', 'match']) {
      await channel.checkExchange(`amq.${name}`);
    }
  });

  const refusals: [string, number, string, (channel: Channel) => Promise<unknown>][] = [
    [
      'an exchange that is not there when asked for passively',
      404,
      'NOT_FOUND - no exchange',
      (channel) => channel.checkExchange(uniqueName('none')),
    ],
    [
      'another type for a name in use',
      406,
      "inequivalent arg 'type' for exchange",
      (channel) => channel.assertExchange('amq.direct', 'fanout', { durable: true }),
    ],
    [
      'a transient one for the name of a durable one',
      406,
      "inequivalent arg 'durable' for exchange",
      (channel) => channel.assertExchange('amq.direct', 'direct', { durable: false }),
    ],
    [
      'a new name that begins with amq.',
      403,
      'ACCESS_REFUSED - ',
      (channel) => channel.assertExchange('amq.mine', 'direct'),
    ],
    [
      'deleting an exchange of the broker',
      403,
      'ACCESS_REFUSED - ',
      (channel) => channel.deleteExchange('amq.direct'),
    ],
    [
      'deleting the default exchange',
      403,
      'ACCESS_REFUSED - ',
      (channel) => channel.deleteExchange(''),
    ],
    [
      'binding to an exchange that is not there',
      404,
      'NOT_FOUND - no exchange',
      async (channel) => {
        const { queue } = await channel.assertQueue('', { exclusive: true });
        await channel.bindQueue(queue, uniqueName('none'), '');
      },
    ],
    [
      'binding a queue that is not there',
      404,
      'NOT_FOUND - no queue',
      (channel) => channel.bindQueue(uniqueName('none'), 'amq.direct', 'k'),
    ],
    [
      'binding to the default exchange',
      403,
      'ACCESS_REFUSED - ',
      async (channel) => {
        const { queue } = await channel.assertQueue('', { exclusive: true });
        await channel.bindQueue(queue, '', 'k');
      },
    ],
    [
      'deleting an exchange in use with ifUnused',
      406,
      'PRECONDITION_FAILED - exchange ',
      async (channel) => {
        const exchange = await newExchange(channel, 'fanout');
        await boundQueue(channel, exchange, '');
        await channel.deleteExchange(exchange, { ifUnused: true });
      },
    ],
    [
      'an x-match that is none',
      406,
      'PRECONDITION_FAILED - ',
      async (channel) => {
        const exchange = await newExchange(channel, 'headers');
        await boundQueue(channel, exchange, '', { 'x-match': 'some' });
      },
    ],
  ];
  test.each(refusals)('%s is refused with %i', async (_, code, reason, program) => {
    const connection = await openConnection(peer);
    const channel = await channelOf(connection);
    const closed = closedWith(channel);
    await expect(program(channel)).rejects.toThrow();
    const error = await closed;
    expect(error.code).toBe(code);
    expect(error.message).toContain(reason);
    // The connection and its other channels live on.
    await (await channelOf(connection)).checkExchange('amq.direct');
  });

  test('an exchange type nobody has closes the connection with 503', async () => {
    const connection = await openConnection(peer);
    const closed = closedWith(connection);
    const channel = await channelOf(connection);
    await expect(channel.assertExchange(uniqueName('odd'), 'odd')).rejects.toThrow();
    const error = await closed;
    expect(error.code).toBe(503);
    expect(error.message).toContain("COMMAND_INVALID - unknown exchange type 'odd'");
  });

  test('declaring the same exchange again is fine', async () => {
    const channel = await openChannel(peer);
    const exchange = await newExchange(channel, 'topic');
    await channel.assertExchange(exchange, 'topic', { autoDelete: true, durable: false });
    await channel.checkExchange(exchange);
  });

  test('an auto-delete exchange goes with its last binding', async () => {
    const channel = await openChannel(peer);
    const exchange = await newExchange(channel, 'direct');
    const queue = await boundQueue(channel, exchange, 'a');
    await channel.bindQueue(queue, exchange, 'b');
    await channel.unbindQueue(queue, exchange, 'a');
    await channel.checkExchange(exchange);
    await channel.deleteQueue(queue);
    const closed = closedWith(channel);
    await expect(channel.checkExchange(exchange)).rejects.toThrow();
    expect((await closed).code).toBe(404);
  });

  test('nobody may publish to an internal exchange, but bindings lead through it', async () => {
    const connection = await openConnection(peer);
    const channel = await channelOf(connection);
    const inner = await newExchange(channel, 'fanout', { internal: true, autoDelete: false });
    const queue = await boundQueue(channel, inner, '');
    await channel.bindExchange(inner, 'amq.fanout', '');
    channel.publish('amq.fanout', '', Buffer.from('through'));
    expect((await drain(channel, queue)).map(text)).toEqual(['through']);
    const closed = closedWith(channel);
    channel.publish(inner, '', Buffer.from('straight'));
    expect((await closed).code).toBe(403);
    await (await channelOf(connection)).deleteExchange(inner);
  });

  test('deleting an exchange takes its bindings along, and queues stay', async () => {
    const channel = await openChannel(peer);
    const exchange = await newExchange(channel, 'fanout');
    const queue = await boundQueue(channel, exchange, '');
    await channel.deleteExchange(exchange);
    await channel.assertExchange(exchange, 'fanout', { autoDelete: true, durable: false });
    channel.publish(exchange, '', Buffer.from('to nobody'));
    expect(await drain(channel, queue)).toEqual([]);
  });

  test('dead letters of one queue may go through an exchange to several queues', async () => {
    const channel = await openChannel(peer);
    const dead = await newExchange(channel, 'fanout');
    const copies = [await boundQueue(channel, dead, ''), await boundQueue(channel, dead, '')];
    const { queue } = await channel.assertQueue('', { exclusive: true, deadLetterExchange: dead });
    channel.sendToQueue(queue, Buffer.from('no'));
    const collector = await collect(channel, queue);
    const [message] = await collector.waitFor(1);
    channel.reject(message!, false);
    for (const copy of copies) {
      await untilReady(channel, copy, 1);
      const [letter] = await drain(channel, copy);
      // Without x-dead-letter-routing-key the message keeps its own.
      expect(letter!.fields.routingKey).toBe(queue);
    }
  });
});

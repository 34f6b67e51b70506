/** The programs that people write with amqplib, each as its author would. */
import { fileURLToPath } from 'node:url';
import type { Channel, ConsumeMessage } from 'amqplib';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Child, startChild } from '../support/child.ts';
import { AMQP_PEER_IS_POLYMQ, type AmqpPeer, startAmqpPeer } from './amqp-peer.ts';
import {
  bodies,
  collect,
  drain,
  openChannel,
  openConfirmChannel,
  text,
  untilReady,
} from './amqplib-client.ts';
import { eventually, uniqueName } from './peer.ts';

let peer: AmqpPeer;

beforeAll(async () => {
  peer = await startAmqpPeer();
});
afterAll(() => peer?.stop());

describe('a durable work queue with five competing workers', () => {
  test('every task is finished although one worker is killed in the middle of its tasks', async () => {
    const queue = uniqueName('tasks');
    const tasks = bodies(300, 'task');
    const channel = await openConfirmChannel(peer);
    await channel.assertQueue(queue, { durable: true });
    const victim = await startWorker(queue, 'hang');
    const workers = [victim];
    for (let index = 0; index < 4; index += 1) workers.push(await startWorker(queue));

    for (const task of tasks) {
      channel.sendToQueue(queue, Buffer.from(task), { persistent: true });
    }
    await channel.waitForConfirms();
    await eventually('the victim holds ten tasks', () => started(victim).length >= 10 || undefined);
    await victim.kill9();

    const finished = () => workers.flatMap((worker) => lines(worker, /^finished (\S+)$/));
    await eventually('all is done', () => finished().length >= tasks.length || undefined);
    expect(finished().toSorted()).toEqual(tasks.toSorted());
    // What the killed worker held went to others, marked; nothing else did.
    const held = started(victim).map(({ task }) => task);
    expect(held).toHaveLength(10);
    const again = workers.slice(1).flatMap((worker) => started(worker));
    const redelivered = again.filter((one) => one.redelivered).map(({ task }) => task);
    expect(redelivered.toSorted()).toEqual(held.toSorted());
    for (const worker of workers.slice(1)) expect(started(worker).length).toBeGreaterThan(0);
    await untilReady(channel, queue, 0);
    await channel.deleteQueue(queue);
  });
});

async function startWorker(queue: string, mode = 'work'): Promise<Child> {
  const program = fileURLToPath(new URL('amqplib-worker.ts', import.meta.url));
  const child = startChild({
    name: 'worker',
    command: process.execPath,
    args: ['--import', import.meta.resolve('tsx'), program, peer.url, queue, mode],
  });
  onTestFinished(async () => void (await child.kill9()));
  await child.waitForLine(/^waiting for tasks$/, 30_000);
  return child;
}

function lines(child: Child, pattern: RegExp): string[] {
  return child.stdout.split('\n').flatMap((line) => pattern.exec(line)?.[1] ?? []);
}

function started(child: Child): { task: string; redelivered: boolean }[] {
  return lines(child, /^started (\S+ redelivered=\w+)$/).map((line) => ({
    task: line.split(' ')[0]!,
    redelivered: line.endsWith('=true'),
  }));
}

test('a fan-out exchange gives every event to each of three named durable queues', async () => {
  const channel = await openChannel(peer);
  const events = uniqueName('events');
  await channel.assertExchange(events, 'fanout', { durable: true });
  const queues = ['mail', 'billing', 'audit'].map((name) => `${events}.${name}`);
  for (const queue of queues) {
    await channel.assertQueue(queue, { durable: true });
    await channel.bindQueue(queue, events, '');
  }
  for (const body of bodies(20)) {
    channel.publish(events, '', Buffer.from(body), { persistent: true });
  }
  for (const queue of queues) {
    const collector = await collect(await openChannel(peer), queue, { noAck: true });
    await collector.waitFor(20);
    expect(collector.texts()).toEqual(bodies(20));
    expect(collector.messages.every(({ fields }) => fields.exchange === events)).toBe(true);
  }
  for (const queue of queues) await channel.deleteQueue(queue);
  await channel.deleteExchange(events);
});

test('a topic exchange routes by words: one name, *, and #', async () => {
  const channel = await openChannel(peer);
  const exchange = uniqueName('shop');
  await channel.assertExchange(exchange, 'topic', { durable: true });
  const received: Record<string, string[]> = {};
  for (const pattern of ['order.created', 'order.*', '*.created', 'order.#', '#', '#.created']) {
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, exchange, pattern);
    received[pattern] = [];
    await channel.consume(
      queue,
      (message) => void (message && received[pattern]!.push(message.fields.routingKey)),
      { noAck: true },
    );
  }
  const keys = [
    'order.created',
    'order.paid',
    'user.created',
    'order.item.created',
    'order',
    'created',
    'last',
  ];
  for (const key of keys) channel.publish(exchange, key, Buffer.from(key));
  await eventually('the last one came', () => received['#']!.includes('last') || undefined);
  expect(received).toEqual({
    'order.created': ['order.created'],
    'order.*': ['order.created', 'order.paid'],
    '*.created': ['order.created', 'user.created'],
    'order.#': ['order.created', 'order.paid', 'order.item.created', 'order'],
    '#': keys,
    '#.created': ['order.created', 'user.created', 'order.item.created', 'created'],
  });
  await channel.deleteExchange(exchange);
});

test('a headers exchange routes by all or any of the headers', async () => {
  const channel = await openChannel(peer);
  const exchange = uniqueName('reports');
  await channel.assertExchange(exchange, 'headers', { durable: true });
  const all = (await channel.assertQueue('', { exclusive: true })).queue;
  const any = (await channel.assertQueue('', { exclusive: true })).queue;
  await channel.bindQueue(all, exchange, '', { 'x-match': 'all', format: 'pdf', type: 'report' });
  await channel.bindQueue(any, exchange, '', { 'x-match': 'any', format: 'pdf', type: 'report' });
  const publish = (body: string, headers: Record<string, unknown>) =>
    channel.publish(exchange, 'ignored', Buffer.from(body), { headers });
  publish('both', { format: 'pdf', type: 'report', pages: 3 });
  publish('one', { format: 'pdf', type: 'log' });
  publish('other', { format: 'zip', type: 'report' });
  publish('none', { format: 'zip', type: 'log' });
  publish('no headers', {});
  expect((await drain(channel, all)).map(text)).toEqual(['both']);
  expect((await drain(channel, any)).map(text)).toEqual(['both', 'one', 'other']);
  await channel.deleteExchange(exchange);
});

describe('retries', () => {
  test('a consumer republishes three times with x-retry-count, then nacks into the dead-letter queue', async () => {
    const channel = await openChannel(peer);
    const work = uniqueName('work');
    const dead = `${work}.dead`;
    const deadExchange = `${work}.dlx`;
    await channel.assertExchange(deadExchange, 'direct', { durable: true });
    await channel.assertQueue(dead, { durable: true });
    await channel.bindQueue(dead, deadExchange, 'failed');
    await channel.assertQueue(work, {
      durable: true,
      arguments: {
        'x-dead-letter-exchange': deadExchange,
        'x-dead-letter-routing-key': 'failed',
        'x-message-ttl': 60_000,
      },
    });
    const attempts: unknown[] = [];
    await channel.prefetch(1);
    await channel.consume(work, (message) => {
      if (!message) return;
      attempts.push(message.properties.headers?.['x-retry-count'] ?? 0);
      retryOrGiveUp(channel, work, message);
    });
    channel.sendToQueue(work, Buffer.from('order 7'), { persistent: true, messageId: 'm7' });
    await untilReady(channel, dead, 1);
    const message = await channel.get(dead, { noAck: true });
    if (!message) throw new Error('the dead-letter queue is empty');
    expect(attempts).toEqual([0, 1, 2, 3]);
    expect(text(message)).toBe('order 7');
    expect(message.fields).toMatchObject({ exchange: deadExchange, routingKey: 'failed' });
    expect(message.properties).toMatchObject({ messageId: 'm7', deliveryMode: 2 });
    expect(message.properties.headers).toEqual({
      'x-retry-count': 3,
      'x-first-death-exchange': '',
      'x-first-death-queue': work,
      'x-first-death-reason': 'rejected',
      'x-death': [
        {
          count: 1,
          reason: 'rejected',
          queue: work,
          exchange: '',
          'routing-keys': [work],
          time: { '!': 'timestamp', value: expect.any(Number) },
        },
      ],
      ...lastDeath({ exchange: '', queue: work, reason: 'rejected' }, message),
    });
    expect((await channel.checkQueue(work)).messageCount).toBe(0);
    for (const queue of [work, dead]) await channel.deleteQueue(queue);
    await channel.deleteExchange(deadExchange);
  });

  test('a waiting queue without consumers sends each message back after its x-message-ttl', async () => {
    const channel = await openChannel(peer);
    const work = uniqueName('work');
    const wait = `${work}.wait`;
    await channel.assertQueue(work, {
      arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': wait },
    });
    await channel.assertQueue(wait, {
      arguments: {
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': work,
        'x-message-ttl': 50,
      },
    });
    const collector = await collect(channel, work);
    channel.sendToQueue(work, Buffer.from('try me'));
    for (let round = 1; round <= 3; round += 1) {
      const messages = await collector.waitFor(round);
      channel.nack(messages[round - 1]!, false, false);
    }
    const last = (await collector.waitFor(4))[3]!;
    const death = (queue: string, reason: string) => ({
      count: 3,
      reason,
      queue,
      exchange: '',
      'routing-keys': [queue],
      time: expect.anything(),
    });
    expect(last.properties.headers?.['x-death']).toEqual([
      death(wait, 'expired'),
      death(work, 'rejected'),
    ]);
    expect(last.properties.headers).toMatchObject({
      'x-first-death-queue': work,
      'x-first-death-reason': 'rejected',
    });
    channel.ack(last);
    for (const queue of [work, wait]) await channel.deleteQueue(queue);
  });
});

/** What the consumer of the first program does with a task that fails. */
function retryOrGiveUp(channel: Channel, queue: string, message: ConsumeMessage): void {
  const retries = Number(message.properties.headers?.['x-retry-count'] ?? 0);
  if (retries >= 3) {
    channel.nack(message, false, false);
    return;
  }
  channel.sendToQueue(queue, message.content, {
    ...message.properties,
    headers: { ...message.properties.headers, 'x-retry-count': retries + 1 },
  });
  channel.ack(message);
}

/** RabbitMQ has these headers since 3.13: with an older one as the peer there are none. */
function lastDeath(
  expected: Record<string, string>,
  message: { properties: { headers?: object | undefined } },
): Record<string, string> {
  const there = 'x-last-death-queue' in (message.properties.headers ?? {});
  if (!AMQP_PEER_IS_POLYMQ && !there) return {};
  return Object.fromEntries(
    Object.entries(expected).map(([name, value]) => [`x-last-death-${name}`, value]),
  );
}

describe('request and reply', () => {
  test('answers come over amq.rabbitmq.reply-to with the correlation id of their requests', async () => {
    const queue = uniqueName('square');
    const server = await openChannel(peer);
    await server.assertQueue(queue, { autoDelete: true });
    await server.consume(queue, (message) => {
      const { replyTo, correlationId } = message!.properties;
      const answer = Buffer.from(`${Number(text(message!)) ** 2}`);
      server.sendToQueue(replyTo, answer, { correlationId });
      server.ack(message!);
    });
    const client = await openChannel(peer);
    const answers = new Map<string, string>();
    await client.consume(
      'amq.rabbitmq.reply-to',
      (message) => void answers.set(message!.properties.correlationId, text(message!)),
      { noAck: true },
    );
    for (let number = 1; number <= 50; number += 1) {
      client.sendToQueue(queue, Buffer.from(`${number}`), {
        correlationId: `question-${number}`,
        replyTo: 'amq.rabbitmq.reply-to',
      });
    }
    await eventually('all is answered', () => answers.size === 50 || undefined);
    for (let number = 1; number <= 50; number += 1) {
      expect(answers.get(`question-${number}`)).toBe(`${number ** 2}`);
    }
  });

  test('the server sees a reply-to of its own for each client, which it may ask for', async () => {
    const queue = uniqueName('who');
    const server = await openChannel(peer);
    await server.assertQueue(queue, { exclusive: true });
    const requests = await collect(server, queue, { noAck: true });
    for (const name of ['one', 'two']) {
      const client = await openChannel(peer);
      await client.consume('amq.rabbitmq.reply-to', () => undefined, { noAck: true });
      client.sendToQueue(queue, Buffer.from(name), { replyTo: 'amq.rabbitmq.reply-to' });
    }
    const replyTos = (await requests.waitFor(2)).map(({ properties }) => properties.replyTo);
    expect(new Set(replyTos).size).toBe(2);
    for (const replyTo of replyTos) {
      expect(replyTo).toMatch(/^amq\.rabbitmq\.reply-to\../);
      expect(await server.checkQueue(replyTo)).toMatchObject({ messageCount: 0 });
    }
  });
});

test('a queue with priorities gives the urgent messages first, equal ones in order', async () => {
  const channel = await openChannel(peer);
  const queue = uniqueName('priorities');
  await channel.assertQueue(queue, { durable: true, maxPriority: 9 });
  const sent: [string, number?][] = [
    ['low', 1],
    ['none'],
    ['first of five', 5],
    ['high', 9],
    ['above the highest', 12],
    ['second of five', 5],
    ['zero', 0],
  ];
  for (const [body, priority] of sent) {
    const options = priority === undefined ? {} : { priority };
    channel.sendToQueue(queue, Buffer.from(body), { persistent: true, ...options });
  }
  expect((await drain(channel, queue)).map(text)).toEqual([
    'high',
    'above the highest',
    'first of five',
    'second of five',
    'low',
    'none',
    'zero',
  ]);
  await channel.deleteQueue(queue);
});

// RabbitMQ has this in a plugin that Debian does not package.
test.skipIf(!AMQP_PEER_IS_POLYMQ)(
  'a delayed-message exchange routes each message when its x-delay is over',
  async () => {
    const channel = await openChannel(peer);
    const exchange = uniqueName('delayed');
    await channel.assertExchange(exchange, 'x-delayed-message', {
      durable: true,
      arguments: { 'x-delayed-type': 'direct' },
    });
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, exchange, 'reminder');
    const collector = await collect(channel, queue, { noAck: true });
    const publish = (body: string, delay?: number) =>
      channel.publish(exchange, 'reminder', Buffer.from(body), {
        headers: delay === undefined ? {} : { 'x-delay': delay },
      });
    const sent = Date.now();
    publish('later', 600);
    publish('soon', 300);
    publish('now');
    await collector.waitFor(1);
    expect(collector.texts()).toEqual(['now']);
    await collector.waitFor(3);
    // Not a limit from above: the delay is the least that the sender asked for.
    expect(Date.now() - sent).toBeGreaterThanOrEqual(600);
    expect(collector.texts()).toEqual(['now', 'soon', 'later']);
    await channel.deleteExchange(exchange);
  },
);

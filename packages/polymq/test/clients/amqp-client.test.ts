/** Programs written with @cloudamqp/amqp-client, and what amqplib cannot say: transactions, codes of refusal. */
import { AMQPClient, AMQPError, type AMQPMessage, AMQPSession } from '@cloudamqp/amqp-client';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { AMQP_PEER_IS_POLYMQ, type AmqpPeer, startAmqpPeer } from './amqp-peer.ts';
import { bodies } from './amqplib-client.ts';
import { eventually, uniqueName } from './peer.ts';

let peer: AmqpPeer;

beforeAll(async () => {
  peer = await startAmqpPeer();
});
afterAll(() => peer?.stop());

async function openChannel() {
  const client = new AMQPClient(peer.url);
  const connection = await client.connect();
  onTestFinished(async () => void (await connection.close().catch(() => undefined)));
  return connection.channel();
}

type Channel = Awaited<ReturnType<typeof openChannel>>;

async function drain(channel: Channel, queue: string): Promise<string[]> {
  const texts: string[] = [];
  for (;;) {
    const message = await channel.basicGet(queue, { noAck: true });
    if (!message) return texts;
    texts.push(message.bodyString() ?? '');
  }
}

describe('the program of the README', () => {
  test('publishes with confirms and consumes with acknowledgements', async () => {
    const session = await AMQPSession.connect(peer.url);
    onTestFinished(() => session.stop());
    const queue = await session.queue(uniqueName('orders'), { durable: true });
    const got: string[] = [];
    const subscription = await queue.subscribe({ noAck: false, prefetch: 10 }, async (message) => {
      got.push(message.bodyString() ?? '');
      await message.ack();
    });
    for (const body of bodies(50)) await queue.publish(body, { deliveryMode: 2 });
    await eventually('all came', () => got.length === 50 || undefined);
    expect(got).toEqual(bodies(50));
    await subscription.cancel();
    const channel = await openChannel();
    expect(await channel.queueDeclare(queue.name, { passive: true })).toMatchObject({
      messageCount: 0,
      consumerCount: 0,
    });
    await queue.delete();
  });

  test('many publishes in flight are confirmed one by one, in order', async () => {
    const channel = await openChannel();
    const { name } = await channel.queueDeclare('', { exclusive: true });
    await channel.confirmSelect();
    const tags = await Promise.all(
      bodies(200).map((body) => channel.basicPublish('', name, body, {})),
    );
    expect(tags).toEqual(bodies(200).map((_, index) => index + 1));
    expect(await drain(channel, name)).toEqual(bodies(200));
  });
});

describe('transactions', () => {
  test('publishes of a transaction are seen after commit, and never after rollback', async () => {
    const channel = await openChannel();
    const watcher = await openChannel();
    const name = uniqueName('tx');
    await channel.queueDeclare(name, { durable: true, autoDelete: false });
    await channel.txSelect();
    for (const body of bodies(3)) await channel.basicPublish('', name, body, { deliveryMode: 2 });
    expect(await drain(watcher, name)).toEqual([]);
    await channel.txCommit();
    expect(await drain(watcher, name)).toEqual(bodies(3));
    await channel.basicPublish('', name, 'never', {});
    await channel.txRollback();
    await channel.txCommit();
    expect(await drain(watcher, name)).toEqual([]);
    await channel.queueDelete(name);
  });

  test('acknowledgements of a transaction count after commit', async () => {
    const channel = await openChannel();
    const name = uniqueName('tx');
    await channel.queueDeclare(name, { durable: true, autoDelete: false });
    for (const body of bodies(3)) await channel.basicPublish('', name, body, {});
    await channel.txSelect();
    const [one, two, three] = [
      await channel.basicGet(name, { noAck: false }),
      await channel.basicGet(name, { noAck: false }),
      await channel.basicGet(name, { noAck: false }),
    ];
    await one!.ack();
    await channel.txCommit();
    await two!.ack();
    await channel.txRollback();
    await channel.close();
    const after = await openChannel();
    await eventually('two are back', async () => {
      const { messageCount } = await after.queueDeclare(name, { passive: true });
      return messageCount === 2 || undefined;
    });
    expect(await drain(after, name)).toEqual([two!.bodyString(), three!.bodyString()]);
    await after.queueDelete(name);
  });

  test('commit without a transaction closes the channel with 406', async () => {
    const channel = await openChannel();
    await expect(channel.txCommit()).rejects.toThrow(
      /PRECONDITION_FAILED - channel is not transactional.*406|406.*not transactional/s,
    );
  });

  test('confirms on a channel with transactions are refused with 406', async () => {
    const channel = await openChannel();
    await channel.txSelect();
    await expect(channel.confirmSelect()).rejects.toThrow(/cannot switch from tx to confirm mode/);
  });
});

describe('refusals', () => {
  test('an unknown vhost is refused with 530', async () => {
    const client = new AMQPClient(`${peer.url}/nowhere`);
    const error = await client.connect().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(AMQPError);
    expect((error as AMQPError).message).toMatch(/NOT_ALLOWED - vhost nowhere not found.*530/s);
  });

  test('a wrong password is refused with 403', async () => {
    const client = new AMQPClient(peer.url.replace('guest:guest', 'guest:wrong'));
    await expect(client.connect()).rejects.toThrow(/ACCESS_REFUSED - .*403/s);
  });

  test('a queue declared again with another argument is refused with 406', async () => {
    const channel = await openChannel();
    const name = uniqueName('twice');
    await channel.queueDeclare(name, { autoDelete: true }, { 'x-max-length': 1 });
    await expect(
      channel.queueDeclare(name, { autoDelete: true }, { 'x-max-length': 2 }),
    ).rejects.toThrow(/PRECONDITION_FAILED - inequivalent arg 'x-max-length'/);
    expect(channel.closed).toBe(true);
    await (await openChannel()).queueDelete(name);
  });

  test('immediate, which nobody has, closes the connection with 540', async () => {
    const channel = await openChannel();
    const closed = new Promise<AMQPError>((resolve) => {
      channel.connection.onerror = resolve;
    });
    await channel.basicPublish('', 'x', 'now', {}, false, true);
    expect((await closed).message).toMatch(/NOT_IMPLEMENTED - immediate=true.*540|540/s);
  });
});

describe('streams', () => {
  test('a stream is read from the first, a given, and the next offset, and nothing is taken out', async () => {
    const channel = await openChannel();
    const name = uniqueName('stream');
    await channel.queueDeclare(name, { durable: true }, { 'x-queue-type': 'stream' });
    await channel.confirmSelect();
    for (const body of bodies(10)) await channel.basicPublish('', name, body, {});
    expect(await readStream(name, 'first', 10)).toEqual(bodies(10));
    expect(await readStream(name, 7, 3)).toEqual(bodies(10).slice(7));
    expect(await readStream(name, 'first', 10)).toEqual(bodies(10));
    const next = readStream(name, 'next', 1);
    // What comes after the consumer was there is all that it gets.
    await eventually('the consumer is there', async () => {
      await channel.basicPublish('', name, 'new', {});
      return Promise.race([next.then(() => true), pause()]);
    });
    expect(await next).toEqual(['new']);
    await channel.queueDelete(name);
  });

  async function readStream(
    name: string,
    offset: string | number,
    count: number,
  ): Promise<string[]> {
    const channel = await openChannel();
    await channel.basicQos(100);
    const got: AMQPMessage[] = [];
    await channel.basicConsume(
      name,
      { noAck: false, args: { 'x-stream-offset': offset } },
      async (message: AMQPMessage) => {
        got.push(message);
        await message.ack();
      },
    );
    await eventually('the records came', () => got.length >= count || undefined);
    await channel.close();
    const offsets = got.map(({ properties }) => Number(properties.headers?.['x-stream-offset']));
    expect(offsets).toEqual(offsets.map((_, index) => offsets[0]! + index));
    return got.slice(0, count).map((message) => message.bodyString() ?? '');
  }

  async function pause(): Promise<undefined> {
    await new Promise((resolve) => setTimeout(resolve, 100));
    return undefined;
  }
});

describe('a session', () => {
  test('answers calls', async () => {
    const session = await AMQPSession.connect(peer.url);
    onTestFinished(() => session.stop());
    const queue = uniqueName('rpc');
    const server = await session.rpcServer(queue, async (message) => {
      return `echo ${message.bodyString()}`;
    });
    const client = await session.rpcClient();
    const answers = await Promise.all(
      bodies(10).map(async (body) => (await client.call(queue, body)).bodyString()),
    );
    expect(answers).toEqual(bodies(10).map((body) => `echo ${body}`));
    await client.close();
    await server.close();
  });

  // Only PolyMQ is killed here.
  test.skipIf(!AMQP_PEER_IS_POLYMQ)(
    'consumes on after kill -9 and restart of the broker',
    async () => {
      const session = await AMQPSession.connect(peer.url, { reconnectInterval: 100 });
      onTestFinished(() => session.stop());
      const name = uniqueName('session');
      const queue = await session.queue(name, { durable: true });
      const got: string[] = [];
      await queue.subscribe({ noAck: false }, async (message: AMQPMessage) => {
        got.push(message.bodyString() ?? '');
        await message.ack();
      });
      await queue.publish('before', { deliveryMode: 2 });
      await eventually('the first came', () => got.includes('before') || undefined);
      await peer.crashAndRestart();
      await eventually('the session is through again', async () => {
        await queue.publish('after', { deliveryMode: 2 });
        return true;
      });
      await eventually('the second came', () => got.includes('after') || undefined);
      await queue.delete();
    },
  );
});

/** Sent in batches with confirms, and consumed with acknowledgements: amqplib, and the client on amqplib. */
import { connect } from '@polymq/client';
import amqplib from 'amqplib';
import { startPolymq } from '../../../packages/polymq/test/support/polymq.ts';
import { rabbitmqMissing, startRabbitmq } from '../../../packages/polymq/test/support/rabbitmq.ts';
import { temporaryFolder } from '../../../packages/polymq/test/support/temporary-folder.ts';
import { type Contest, type Contestants, countdown, perSecond, type Rates } from './contest.ts';

const COUNT = 40_000;
const BATCH = 1_000;
const PREFETCH = 500;
const DATA = { orderId: '123', action: 'process', note: 'x'.repeat(150) };

export const AMQP: readonly Contest[] = [
  {
    wire: 'amqp',
    broker: 'RabbitMQ',
    missing: rabbitmqMissing,
    async start() {
      const rabbitmq = await startRabbitmq();
      return contestants(rabbitmq.url, rabbitmq.url, () => rabbitmq.stop());
    },
  },
  {
    wire: 'amqp',
    broker: 'PolyMQ',
    async start() {
      const folder = temporaryFolder('bench-wire-');
      const schemes = ['amqp', 'http', 'kafka'];
      const listen = schemes.map((scheme) => `${scheme}://127.0.0.1:0`);
      const broker = await startPolymq({ data: folder.path, listen });
      const ports = schemes.map((scheme) => `${scheme}=${broker.port(scheme)}`).join('&');
      const bareUrl = `amqp://guest:guest@127.0.0.1:${broker.port('amqp')}`;
      return contestants(bareUrl, `polymq://127.0.0.1?${ports}`, async () => {
        await broker.stop();
        folder.remove();
      });
    },
  },
];

async function contestants(
  bareUrl: string,
  url: string,
  stop: () => Promise<unknown>,
): Promise<Contestants> {
  const mq = await connect(url);
  return {
    bare: () => bare(bareUrl),
    sdk: () => sdk(mq),
    async stop() {
      await mq.close();
      await stop();
    },
  };
}

async function bare(url: string): Promise<Rates> {
  const connection = await amqplib.connect(url, { noDelay: true });
  const channel = await connection.createConfirmChannel();
  const queue = 'bench-bare';
  await channel.assertQueue(queue, { durable: true });
  await channel.purgeQueue(queue);
  const send = await perSecond(COUNT, () => sendBare(channel, queue));
  const consumer = await connection.createChannel();
  await consumer.prefetch(PREFETCH);
  const consume = await perSecond(COUNT, async () => {
    const { arrive, done } = countdown(COUNT);
    await consumer.consume(queue, (message) => {
      if (message === null) return;
      JSON.parse(message.content.toString());
      consumer.ack(message);
      arrive();
    });
    await done;
  });
  await consumer.close();
  await channel.deleteQueue(queue);
  await channel.close();
  await connection.close();
  return { send, consume };
}

async function sendBare(channel: amqplib.ConfirmChannel, queue: string): Promise<void> {
  for (let sent = 0; sent < COUNT; sent += BATCH) {
    for (let index = 0; index < BATCH; index += 1) {
      channel.sendToQueue(queue, Buffer.from(JSON.stringify(DATA)), {
        persistent: true,
        contentType: 'application/json',
        messageId: `message-${sent + index}`,
        timestamp: Math.floor(Date.now() / 1000),
      });
    }
    await channel.waitForConfirms();
  }
}

async function sdk(mq: Awaited<ReturnType<typeof connect>>): Promise<Rates> {
  const queue = mq.queue<typeof DATA>('bench-sdk', { priorities: 0, deadLetter: false });
  await queue.ready();
  await queue.purge();
  const send = await perSecond(COUNT, async () => {
    for (let sent = 0; sent < COUNT; sent += BATCH) {
      const outcomes = await queue.sendBatch(Array.from({ length: BATCH }, () => ({ data: DATA })));
      if (outcomes.some(({ error }) => error !== undefined)) throw new Error('not all were sent');
    }
  });
  const { arrive, done } = countdown(COUNT);
  let consumer: { close(): Promise<void> } | undefined;
  const consume = await perSecond(COUNT, () => {
    consumer = queue.consume(arrive, { concurrency: 10, prefetch: PREFETCH - 10 });
    return done;
  });
  await consumer?.close();
  return { send, consume };
}

/**
 * What the SDK costs over the wire: messages sent in batches with confirms, and consumed with acknowledgements, by amqplib alone and
 * by the SDK on amqplib, in turns in this one process, on RabbitMQ from Debian's package and on PolyMQ.
 *
 *   node --conditions=@polymq/source --import tsx bench/sdk/amqp-wire.ts [messages] [rounds]
 */
import { type Client, createClient } from '@polymq/client';
import amqplib from 'amqplib';
import type { Driver, OpenDriver } from '../../packages/client/src/driver/driver.ts';
import { open as openAmqp } from '../../packages/client/src/drivers/amqp/index.ts';
import { open as openPolymq } from '../../packages/client/src/drivers/polymq/index.ts';
import { systemClock } from '../../packages/client/src/lib/clock.ts';
import { startPolymq } from '../../packages/polymq/test/support/polymq.ts';
import { rabbitmqMissing, startRabbitmq } from '../../packages/polymq/test/support/rabbitmq.ts';
import { temporaryFolder } from '../../packages/polymq/test/support/temporary-folder.ts';
import { median } from '../lib/statistics.ts';

const COUNT = Number(process.argv[2] ?? 20_000);
const ROUNDS = Number(process.argv[3] ?? 3);
const BATCH = 1_000;
const PREFETCH = 500;
const DATA = { orderId: '123', action: 'process', note: 'x'.repeat(150) };

interface Rates {
  /** Messages per second. */
  send: number;
  consume: number;
}

async function perSecond(run: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await run();
  return (COUNT / (performance.now() - started)) * 1000;
}

async function bare(url: string): Promise<Rates> {
  const connection = await amqplib.connect(url, { noDelay: true });
  const channel = await connection.createConfirmChannel();
  const queue = 'bench-bare';
  await channel.assertQueue(queue, { durable: true });
  await channel.purgeQueue(queue);
  let id = 0;
  const send = await perSecond(async () => {
    for (let sent = 0; sent < COUNT; sent += BATCH) {
      for (let index = 0; index < BATCH; index += 1) {
        id += 1;
        channel.sendToQueue(queue, Buffer.from(JSON.stringify(DATA)), {
          persistent: true,
          contentType: 'application/json',
          messageId: `message-${id}`,
          timestamp: Math.floor(Date.now() / 1000),
        });
      }
      await channel.waitForConfirms();
    }
  });
  const consumer = await connection.createChannel();
  await consumer.prefetch(PREFETCH);
  const consume = await perSecond(
    () =>
      new Promise<void>((resolve, reject) => {
        let count = 0;
        const arrive = (message: amqplib.ConsumeMessage | null): void => {
          if (message === null) return;
          JSON.parse(message.content.toString());
          consumer.ack(message);
          count += 1;
          if (count === COUNT) resolve();
        };
        consumer.consume(queue, arrive).catch(reject);
      }),
  );
  await consumer.close();
  await channel.deleteQueue(queue);
  await channel.close();
  await connection.close();
  return { send, consume };
}

async function sdk(client: Client): Promise<Rates> {
  const queue = client.queue<typeof DATA>('bench-sdk', { priorities: 0, deadLetter: false });
  await queue.ready();
  await queue.purge();
  const send = await perSecond(async () => {
    for (let sent = 0; sent < COUNT; sent += BATCH) {
      const outcomes = await queue.sendBatch(Array.from({ length: BATCH }, () => ({ data: DATA })));
      if (outcomes.some(({ error }) => error !== undefined)) throw new Error('not all were sent');
    }
  });
  let count = 0;
  let consumer: { close(): Promise<void> } | undefined;
  const consume = await perSecond(
    () =>
      new Promise<void>((resolve) => {
        const handler = (): void => {
          count += 1;
          if (count === COUNT) resolve();
        };
        consumer = queue.consume(handler, { concurrency: 10, prefetch: PREFETCH - 10 });
      }),
  );
  await consumer?.close();
  return { send, consume };
}

async function compare(name: string, url: string, client: Client): Promise<void> {
  const rounds: { bare: Rates; sdk: Rates }[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const both = { bare: await bare(url), sdk: await sdk(client) };
    // The first one warms up.
    if (round > 0) rounds.push(both);
  }
  for (const what of ['send', 'consume'] as const) {
    const alone = median(rounds.map((round) => round.bare[what]));
    const ours = median(rounds.map((round) => round.sdk[what]));
    const share = median(rounds.map((round) => round.sdk[what] / round.bare[what]));
    const words = `${Math.round(ours)}/s of ${Math.round(alone)}/s`;
    console.log(
      `${name.padEnd(9)} ${what.padEnd(8)} ${words.padEnd(22)} ${Math.round(share * 100)} %`,
    );
  }
}

async function clientOf<Options>(
  open: OpenDriver<Options | undefined>,
  url: string,
): Promise<Client> {
  const driver: Driver = await open(new URL(url), undefined, {
    clock: systemClock,
    timeoutMs: 30_000,
    clientName: 'bench',
    onConnection: () => undefined,
  });
  return createClient(driver);
}

if (rabbitmqMissing() === undefined) {
  const rabbitmq = await startRabbitmq();
  const client = await clientOf(openAmqp, rabbitmq.url);
  await compare('RabbitMQ', rabbitmq.url, client);
  await client.close();
  await rabbitmq.stop();
}
const folder = temporaryFolder('bench-wire-');
const broker = await startPolymq({
  data: folder.path,
  listen: ['amqp://127.0.0.1:0', 'http://127.0.0.1:0', 'kafka://127.0.0.1:0'],
});
const port = broker.port('amqp');
const client = await clientOf(openPolymq, `polymq://127.0.0.1?amqp=${port}`);
await compare('PolyMQ', `amqp://guest:guest@127.0.0.1:${port}`, client);
await client.close();
await broker.stop();
folder.remove();

/** One message to a hundred queues is stored once. */
import { temporaryFolder } from '../support/temporary-folder.ts';
import type { LargeOptions } from './amqp.ts';
import { connect, startBroker } from './amqp-broker.ts';
import { folderBytes, pause, say } from './figures.ts';

const QUEUES = 100;
/** Several, so that room that files had been given beforehand does not hide much. */
const MESSAGES = 8;
const BODY_BYTES = 2 ** 20;
const COPIES_MAX = 2;

export async function fanout(options: LargeOptions): Promise<string[]> {
  const folder = temporaryFolder('polymq-large-', options.dataRoot);
  let broker = await startBroker(folder.path, options);
  let channel = await connect(broker);
  await channel.call('exchange.declare', { exchange: 'all', type: 'fanout', durable: true });
  const queues = Array.from({ length: QUEUES }, (_, i) => `queue-${i}`);
  for (const queue of queues) {
    await channel.declareQueue(queue, { durable: true });
    await channel.call('queue.bind', { queue, exchange: 'all' });
  }
  await channel.call('confirm.select');
  let confirmed = 0;
  channel.onMethod = (_, args) => {
    confirmed = Number(args['deliveryTag']);
  };
  const before = folderBytes(folder.path);
  const bodies = Array.from({ length: MESSAGES }, (_, i) => Buffer.alloc(BODY_BYTES, 65 + i));
  for (const body of bodies) channel.publish('all', '', body, { deliveryMode: 2 });
  for (let i = 0; confirmed < MESSAGES && i < 1000; i += 1) await pause(10);
  const grown = folderBytes(folder.path) - before;
  const copies = grown / MESSAGES / BODY_BYTES;
  say(
    `${confirmed} messages of 1 MiB to ${QUEUES} queues: the data folder grew by ${copies.toFixed(2)} bodies a message`,
  );
  const problems: string[] = [];
  if (confirmed < MESSAGES) problems.push(`${confirmed} of ${MESSAGES} were confirmed`);
  if (copies > COPIES_MAX) problems.push(`${copies.toFixed(2)} copies of each message`);

  await broker.kill9();
  broker = await startBroker(folder.path, options);
  channel = await connect(broker);
  let wrong = 0;
  for (const queue of queues) {
    for (const body of bodies) {
      const message = await channel.get(queue, true);
      if (!message?.body.equals(body)) wrong += 1;
    }
  }
  if (wrong > 0) problems.push(`${wrong} of ${QUEUES * MESSAGES} copies were missing or damaged`);
  else say(`all ${QUEUES * MESSAGES} were whole after kill -9`);
  await channel.wire.close();
  await broker.stop(60_000);
  folder.remove();
  return problems;
}

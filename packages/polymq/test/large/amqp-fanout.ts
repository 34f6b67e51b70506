/** One message to a hundred queues is stored once. */
import { temporaryFolder } from '../support/temporary-folder.ts';
import { connect, startBroker } from './amqp-broker.ts';
import { folderBytes, pause, say } from './figures.ts';
import type { LargeOptions } from './parts.ts';

const QUEUES = 100;
/** So many that a file which was given room beforehand neither hides much nor looks like much. */
const MESSAGES = 200;
const CHECKED_MESSAGES = 2;
const IN_FLIGHT = 20;
const BODY_BYTES = 2 ** 20;
const COPIES_MAX = 2;
const CONFIRM_MS_MAX = 30_000;

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
  for (let i = 0; i < MESSAGES; i += 1) {
    const deadline = Date.now() + CONFIRM_MS_MAX;
    while (i - confirmed >= IN_FLIGHT && Date.now() < deadline) await pause(1);
    channel.publish('all', '', bodyOf(i), { deliveryMode: 2 });
  }
  const deadline = Date.now() + CONFIRM_MS_MAX;
  while (confirmed < MESSAGES && Date.now() < deadline) await pause(10);
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
    for (let i = 0; i < CHECKED_MESSAGES; i += 1) {
      const message = await channel.get(queue, true);
      if (!message?.body.equals(bodyOf(i))) wrong += 1;
    }
  }
  if (wrong > 0)
    problems.push(`${wrong} of ${QUEUES * CHECKED_MESSAGES} copies were missing or damaged`);
  else say(`${QUEUES * CHECKED_MESSAGES} copies were whole after kill -9`);
  await channel.wire.close();
  await broker.stop(60_000);
  folder.remove();
  return problems;
}

function bodyOf(i: number): Buffer {
  return Buffer.alloc(BODY_BYTES, 65 + (i % 26));
}

/** What publishers and consumers with amqplib see while the broker is short of disk space. */
import { connect } from 'amqplib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type PolymqOptions, startPolymq } from '../support/polymq.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { eventually } from './peer.ts';

/** More than any disk has, so that space is low from the start. */
const FREE_BYTES_MIN = String(2 ** 52);

async function start(data: string, args: PolymqOptions['args']) {
  const broker = await startPolymq({ data, args });
  onTestFinished(async () => void (await broker.stop()));
  const url = `amqp://guest:guest@127.0.0.1:${broker.port('amqp')}`;
  return { broker, url };
}

describe('a disk that is almost full', () => {
  test('blocks publishers and says why, while consumers go on', async () => {
    const folder = temporaryFolder('amqp-blocked-');
    onTestFinished(() => folder.remove());
    const first = await start(folder.path, []);
    const publisher = await connect(first.url);
    const channel = await publisher.createConfirmChannel();
    await channel.assertQueue('work', { durable: true });
    for (const body of ['one', 'two']) {
      channel.sendToQueue('work', Buffer.from(body), { persistent: true });
    }
    await channel.waitForConfirms();
    await publisher.close();
    await first.broker.stop();

    const second = await start(folder.path, ['--storage-free-bytes-min', FREE_BYTES_MIN]);
    const blocked: string[] = [];
    const late = await connect(second.url);
    onTestFinished(() => late.close().catch(() => undefined));
    late.on('blocked', (reason: string) => blocked.push(reason));
    const lateChannel = await late.createConfirmChannel();
    // The first one shows that it publishes; from then on it is not read.
    lateChannel.sendToQueue('work', Buffer.from('three'), { persistent: true });
    await eventually('the publisher is told', () => blocked.length > 0 || undefined);
    expect(blocked[0]).toBe('low on disk');
    let confirmed = false;
    lateChannel.sendToQueue('work', Buffer.from('four'), { persistent: true }, () => {
      confirmed = true;
    });

    const consumer = await connect(second.url);
    onTestFinished(() => consumer.close().catch(() => undefined));
    const consuming = await consumer.createChannel();
    const got: string[] = [];
    await consuming.consume('work', (message) => {
      got.push(message!.content.toString());
      consuming.ack(message!);
    });
    await eventually('both have come', () => got.length >= 2 || undefined);
    expect(got.slice(0, 2)).toEqual(['one', 'two']);
    expect(got).not.toContain('four');
    expect(confirmed).toBe(false);
  });
});

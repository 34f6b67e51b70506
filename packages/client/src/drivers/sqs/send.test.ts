import { expect, test } from 'vitest';
import { ManualClock } from '../../driver/testing/manual-clock.ts';
import type { OutgoingMessage } from '../../message/wire-message.ts';
import type { Aws } from './aws.ts';
import type { QueuePlaces } from './places.ts';
import { Sender } from './send.ts';

/** A FIFO queue that drops what it has had, as SQS does for five minutes. */
function fifoQueue() {
  const ids = new Map<string, string>();
  const entriesOf = (input: unknown) =>
    (input as { Entries: { Id: string; MessageDeduplicationId: string }[] }).Entries;
  const fake = {
    context: { clock: new ManualClock(), timeoutMs: 1000, clientName: 't', onConnection: () => {} },
    sqs: async (_action: string, input: unknown): Promise<unknown> => {
      const Successful = entriesOf(input).map(({ Id, MessageDeduplicationId: id }) => {
        if (!ids.has(id)) ids.set(id, `${ids.size}`);
        return { Id, SequenceNumber: ids.get(id) };
      });
      return { Successful };
    },
  };
  const places = { find: async () => ({ name: 'q', url: 'u', fifo: true }) };
  const sender = new Sender(fake as unknown as Aws, places as unknown as QueuePlaces);
  return { sender, stored: () => ids.size };
}

const message: OutgoingMessage = {
  id: 'm',
  body: Buffer.from('x'),
  contentType: 'text/plain',
  headers: {},
  timestampMs: 0,
};

test('a FIFO queue does not take a copy for the message that it replaces', async () => {
  const { sender, stored } = fifoQueue();
  await sender.send('q', [message]);
  expect(await sender.send('q', [message], 'receipt 1')).toEqual([{ duplicate: false }]);
  expect(await sender.send('q', [message], 'receipt 2')).toEqual([{ duplicate: false }]);
  expect(stored()).toBe(3);
});

test('the copy of one delivery is stored once, however often it is sent', async () => {
  const { sender, stored } = fifoQueue();
  await sender.send('q', [message], 'receipt');
  expect(await sender.send('q', [message], 'receipt')).toEqual([{ duplicate: true }]);
  expect(stored()).toBe(1);
});

test('the same message sent twice is a duplicate', async () => {
  const { sender, stored } = fifoQueue();
  await sender.send('q', [message]);
  expect(await sender.send('q', [message])).toEqual([{ duplicate: true }]);
  expect(stored()).toBe(1);
});

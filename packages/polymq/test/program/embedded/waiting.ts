/**
 * A program that does nothing but wait for what comes to it: `waiting.ts consumer | loop | group | subscription | live | service | receive`.
 * What comes is sent by a timer that keeps no process alive. When it has come, the program closes that by which it waited, and not the client.
 */
import { service } from '@polymq/client';
import { embed } from 'polymq';

const mq = await embed({
  data: 'memory:',
  ...(process.argv[3] === 'manual' && { clock: 'manual' }),
});
const queue = mq.queue<string>('work');
const stored = mq.topic<string>('stored');
const live = mq.topic<string>('live', { live: true });
const echo = service<{ say: { request: string; reply: string } }>(mq, 'echo');

function later(send: () => Promise<unknown>): void {
  setTimeout(() => void send(), 200).unref();
}

function closing(waiting: { close(): Promise<void> }, came: string): void {
  console.log(`${came} came`);
  void waiting.close().then(() => console.log('closed'));
}

const WAYS: Readonly<Record<string, () => unknown>> = {
  consumer: () => {
    const consumer = queue.consume(({ data }) => closing(consumer, data));
    later(() => queue.send('it'));
  },
  loop: async () => {
    later(() => queue.send('it'));
    for await (const { data } of queue.messages()) {
      console.log(`${data} came`);
      break;
    }
    console.log('closed');
  },
  group: () => {
    const consumer = stored.group('g').consume(({ data }) => closing(consumer, data));
    later(() => stored.publish('it'));
  },
  subscription: () => {
    const consumer = stored.subscribe(({ data }) => closing(consumer, data));
    later(() => stored.publish('it'));
  },
  live: () => {
    const consumer = live.subscribe(({ data }) => closing(consumer, data));
    later(() => live.publish('it'));
  },
  service: () => {
    const server = echo.handle('say', (word) => {
      closing(server, word);
      return word;
    });
    later(() => echo.request('say', 'it'));
  },
  receive: async () => {
    later(() => queue.send('it'));
    const message = await queue.receive({ wait: '60s' });
    console.log(`${message?.data} came`);
    await message?.ack();
    console.log('closed');
  },
};

await WAYS[process.argv[2]!]!();
process.on('exit', (code) => console.log(`ended with ${code}`));

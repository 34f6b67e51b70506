/**
 * A chat over live subscriptions: who is there hears it, nothing is stored. With `--url polymq://127.0.0.1 --name anna` you can talk yourself.
 *
 * The same on Redis (`--url redis://127.0.0.1`): live topics are what Redis Pub/Sub has.
 */
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { type Client, connect, type Topic } from '@polymq/client';

interface Line {
  readonly from: string;
  readonly text: string;
}

const { values } = parseArgs({
  options: { url: { type: 'string', default: 'memory:chat' }, name: { type: 'string' } },
});

interface Guest {
  readonly mq: Client;
  readonly room: Topic<Line>;
  readonly heard: string[];
}

/** Somebody who listens from now on; every guest has a connection of his own. */
async function join(name: string, hear: (line: Line) => void = () => undefined): Promise<Guest> {
  const mq = await connect(values.url);
  const room = mq.topic<Line>('example-chat', { live: true });
  const heard: string[] = [];
  const ears = room.subscribe(({ data }) => {
    if (data.from === name) return;
    heard.push(`${data.from}: ${data.text}`);
    hear(data);
  });
  await ears.ready();
  return { mq, room, heard };
}

async function demonstrate(): Promise<void> {
  const anna = await join('anna');
  const ben = await join('ben');
  await anna.room.publish({ from: 'anna', text: 'hello' });
  await until(() => ben.heard.length === 1);
  // Whoever comes later has not heard it.
  const carl = await join('carl');
  await ben.room.publish({ from: 'ben', text: 'hi anna' });
  await until(() => anna.heard.length === 1 && carl.heard.length === 1);
  for (const [name, { heard }] of Object.entries({ anna, ben, carl })) {
    console.log(`${name} heard ${heard.join(', ')}`);
  }
  for (const { mq } of [anna, ben, carl]) await mq.close();
}

async function talk(name: string): Promise<void> {
  const { mq, room } = await join(name, ({ from, text }) => console.log(`${from}: ${text}`));
  console.log(`you are ${name}; type and press enter, Ctrl-D ends`);
  for await (const text of createInterface({ input: process.stdin })) {
    if (text !== '') await room.publish({ from: name, text });
  }
  await mq.close();
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 10));
}

await (values.name === undefined ? demonstrate() : talk(values.name));

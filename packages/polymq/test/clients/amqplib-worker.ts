/**
 * A worker of a durable work queue, as a program of its own: `amqplib-worker.ts URL QUEUE [hang]`.
 * It says on standard output what it does with each task; with `hang` it never finishes one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConsumeMessage, connect } from 'amqplib';

const [url, queue, mode] = process.argv.slice(2);
if (url === undefined || queue === undefined) throw new Error('amqplib-worker.ts URL QUEUE [hang]');

const connection = await connect(url);
const channel = await connection.createChannel();
await channel.assertQueue(queue, { durable: true });
await channel.prefetch(10);
await channel.consume(queue, (message) => void (message && work(message)));
process.stdout.write('waiting for tasks\n');

async function work(message: ConsumeMessage): Promise<void> {
  const task = message.content.toString();
  process.stdout.write(`started ${task} redelivered=${message.fields.redelivered}\n`);
  if (mode === 'hang') return;
  await sleep(5);
  channel.ack(message);
  process.stdout.write(`finished ${task}\n`);
}

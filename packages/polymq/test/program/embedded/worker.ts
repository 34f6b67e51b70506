/** A worker that one of its messages kills: `worker.ts DATA`. Sends 20 messages if there are none, and ends when all others are done. */
import { embed } from 'polymq';

const COUNT = 20;
const DEADLY = 5;

const mq = await embed({ data: process.argv[2]!, onError: (error) => console.log(String(error)) });
const jobs = mq.queue<number>('jobs', { retry: false, deadLetter: false });
const { ready, leased } = await jobs.stats();
if (ready + (leased ?? 0) === 0) {
  await jobs.sendBatch(Array.from({ length: COUNT }, (_, n) => ({ data: n })));
}
const consumer = jobs.consume(({ data }) => {
  if (data === DEADLY) process.kill(process.pid, 'SIGKILL');
  console.log(`done ${data}`);
  if (data === COUNT - 1) void consumer.close().then(() => mq.close());
});

import { connect, type Queue } from '@polymq/client';
import type { Job, JobEngine } from './engine.ts';

/** The SDK: embedded (`embedded:DIR`) or with a server (`polymq://…`). */
export async function polymqEngine(url: string): Promise<JobEngine> {
  const mq = await connect(url);
  const queue: Queue<Job> = mq.queue<Job>('bench-jobs');
  await queue.ready();
  return {
    async addBatch(jobs) {
      const outcomes = await queue.sendBatch(jobs.map((data) => ({ data })));
      const failed = outcomes.find(({ error }) => error !== undefined);
      if (failed?.error !== undefined) throw failed.error;
    },
    async addOne(job) {
      await queue.send(job);
    },
    async work(concurrency, done) {
      const consumer = queue.consume(done, { concurrency });
      await consumer.ready();
      return { stop: () => consumer.close() };
    },
    close: () => mq.close(),
  };
}

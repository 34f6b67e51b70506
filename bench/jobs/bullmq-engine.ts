import { Queue, Worker } from 'bullmq';
import type { Job, JobEngine } from './engine.ts';

const NAME = 'bench-jobs';

/** BullMQ as its documentation advises for speed: in bulk, and finished jobs are removed. */
export async function bullmqEngine(url: string): Promise<JobEngine> {
  const { hostname: host, port } = new URL(url);
  const connection = { host, port: Number(port) };
  const queue = new Queue<Job>(NAME, {
    connection,
    defaultJobOptions: { removeOnComplete: true, removeOnFail: true, attempts: 4 },
  });
  await queue.waitUntilReady();
  return {
    async addBatch(jobs) {
      await queue.addBulk(jobs.map((data) => ({ name: 'job', data })));
    },
    async addOne(job) {
      await queue.add('job', job);
    },
    async work(concurrency, done) {
      const worker = new Worker<Job>(NAME, async () => done(), {
        connection: { ...connection, maxRetriesPerRequest: null },
        concurrency,
      });
      await worker.waitUntilReady();
      return { stop: () => worker.close(true) };
    },
    close: () => queue.close(),
  };
}

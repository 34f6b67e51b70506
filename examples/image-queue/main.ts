/**
 * A work queue for images: uploads wait their turn, urgent ones first; a pool of workers makes thumbnails; broken files end as dead letters.
 *
 * The thumbnails are computed in worker threads, so that the event loop stays free to extend leases.
 */
import { Worker } from 'node:worker_threads';
import { autoscale } from '@polymq/client';
import { open, signal } from '../lib/open.ts';

interface Upload {
  readonly file: string;
  readonly width: number;
  readonly height: number;
}

const mq = await open();
const uploads = mq.queue<Upload>('example-uploads', {
  retry: { max: 1, backoff: 'fixed', base: '50ms' },
});

await uploads.sendBatch([
  { data: { file: 'holiday-1.ppm', width: 640, height: 480 } },
  { data: { file: 'holiday-2.ppm', width: 640, height: 480 } },
  { data: { file: 'broken.ppm', width: 0, height: 480 } },
  { data: { file: 'passport.ppm', width: 320, height: 240 }, priority: 9 },
]);

const LEFT = { thumbnails: 3 };
const done = signal();
const order: string[] = [];
const consumer = uploads.consume(
  async ({ data, signal: lost }) => {
    const bytes = await thumbnail(data, lost);
    order.push(data.file);
    console.log(`${data.file}: thumbnail of ${bytes} bytes`);
    LEFT.thumbnails -= 1;
    if (LEFT.thumbnails === 0) done.fire();
  },
  { concurrency: 1, prefetch: 1 },
);
// More hands when the queue grows, fewer when it is empty.
const scaling = autoscale(consumer, { of: uploads, max: 4, lag: 100 });

await done.fired;
let [letter] = await uploads.deadLetters.list();
while (letter === undefined) {
  await new Promise((resolve) => setTimeout(resolve, 50));
  [letter] = await uploads.deadLetters.list();
}
console.log(
  `dead letter: ${letter.data?.file}, ${letter.errors.length} attempts, ${letter.reason}`,
);
scaling.stop();
await consumer.close();
await mq.close();

/** Scales a picture down to an eighth, in a thread of its own. */
function thumbnail({ width, height }: Upload, lost: AbortSignal): Promise<number> {
  const worker = new Worker(
    `const { parentPort, workerData: { width, height } } = require('node:worker_threads');
     if (width === 0) throw new Error('the picture has no width');
     const picture = Buffer.alloc(width * height * 3, 128);
     const small = Buffer.alloc((width >> 3) * (height >> 3) * 3);
     for (let y = 0; y < height >> 3; y += 1) {
       for (let x = 0; x < (width >> 3) * 3; x += 1) small[y * (width >> 3) * 3 + x] = picture[(y * 8 * width + (x >> 3)) * 3];
     }
     parentPort.postMessage(small.length);`,
    { eval: true, workerData: { width, height } },
  );
  lost.addEventListener('abort', () => void worker.terminate(), { once: true });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

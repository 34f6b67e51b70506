/**
 * A consumer without acknowledgements that stops reading while a gigabyte is published. The broker may keep
 * for it what its output buffer holds; all else stays in the queue, and the queue on disk.
 */
import type { Polymq } from '../support/polymq.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { connect, messageCount, publishAll, startBroker } from './amqp-broker.ts';
import { memoryMib, memoryPeakMib, pause, say } from './figures.ts';
import type { LargeOptions } from './parts.ts';

const BODY_BYTES = 10_000;
const MESSAGES = 100_000;
const WINDOW = 200;
const WARM_UP_MESSAGES = 5000;
/** The memory of queues (256 MiB), with all that is on its way to the disk, and some room. */
const GROWTH_MIB_MAX = 320;
const STALLED_MS = 3000;
const RESUMED_MS_MAX = 30_000;

export async function slow(options: LargeOptions): Promise<string[]> {
  const problems: string[] = [];
  for (const persistent of [true, false]) problems.push(...(await stall(options, persistent)));
  return problems;
}

async function stall(options: LargeOptions, persistent: boolean): Promise<string[]> {
  const kind = persistent ? 'persistent' : 'transient';
  const folder = temporaryFolder('polymq-large-', options.dataRoot);
  const broker = await startBroker(folder.path, options);
  const queue = 'slow';
  const publishing = { queue, bodyBytes: BODY_BYTES, window: WINDOW, persistent };
  const admin = await connect(broker);
  await admin.declareQueue(queue, { durable: true });
  await publishAll(broker, { ...publishing, messages: WARM_UP_MESSAGES });
  await admin.call('queue.purge', { queue });
  const beforeMib = memoryMib(broker.pid);

  const consuming = await connect(broker);
  let received = 0;
  consuming.onMethod = (method) => {
    if (method === 'basic.deliver') received += 1;
  };
  await consuming.call('basic.consume', { queue, consumerTag: 'slow', noAck: true });
  consuming.wire.socket.pause();
  const began = performance.now();
  await publishAll(broker, { ...publishing, messages: MESSAGES });
  const seconds = (performance.now() - began) / 1000;
  await pause(STALLED_MS);
  const nowMib = memoryMib(broker.pid);
  const peakMib = memoryPeakMib(broker.pid);
  const waiting = await messageCount(broker, queue);
  say(
    `${kind}: ${MESSAGES} x ${BODY_BYTES} B published at ${((MESSAGES * BODY_BYTES) / 1e6 / seconds).toFixed(0)} MB/s past a stalled consumer: ` +
      `${beforeMib.toFixed(0)} MiB before, ${nowMib.toFixed(0)} after, peak ${peakMib.toFixed(0)}; ${waiting} wait in the queue, ` +
      `${(((MESSAGES - waiting) * BODY_BYTES) / 2 ** 20).toFixed(1)} MiB were sent`,
  );
  const problems: string[] = [];
  if (peakMib - beforeMib > GROWTH_MIB_MAX) {
    problems.push(`${kind}: ${(peakMib - beforeMib).toFixed(0)} MiB more at the peak`);
  }
  consuming.wire.socket.resume();
  problems.push(...(await readOn(kind, consuming.wire, () => received)));
  await admin.wire.close();
  consuming.wire.destroy();
  problems.push(...(await ended(broker, kind)));
  folder.remove();
  return problems;
}

/** Reading goes on where it stopped, or the broker has cut the connection. */
async function readOn(
  kind: string,
  wire: { closed: Error | undefined },
  received: () => number,
): Promise<string[]> {
  const resumed = performance.now();
  while (received() < MESSAGES && !wire.closed && performance.now() - resumed < RESUMED_MS_MAX) {
    await pause(20);
  }
  if (wire.closed) {
    say(`${kind}: the stalled connection was cut: ${wire.closed}`);
    return [];
  }
  say(
    `${kind}: reading again, it got ${received()} messages in ${(performance.now() - resumed).toFixed(0)} ms`,
  );
  return received() === MESSAGES ? [] : [`${kind}: ${received()} of ${MESSAGES} came`];
}

async function ended(broker: Polymq, kind: string): Promise<string[]> {
  const exit = await broker.stop(60_000);
  return exit.code === 0 ? [] : [`${kind}: a clean stop ended with ${JSON.stringify(exit)}`];
}

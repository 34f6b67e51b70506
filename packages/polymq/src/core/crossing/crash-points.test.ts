/** What a crash leaves: the journal of the queues up to any of its batches, as only whole batches survive. */
import { afterEach, expect, it } from 'vitest';
import { createNodeEnvironment } from '../../lib/environment/node/node-environment.ts';
import { batchBytes } from '../../log/batch.ts';
import { createMemoryEngine } from '../../log/memory/memory-engine.ts';
import { MessageDraft } from '../message/message-draft.ts';
import { openMessageStore } from '../queue/store/open-message-store.ts';
import { CrossingKit } from './testing/kit.ts';

const environment = createNodeEnvironment();
const LOG = { durability: 'fsync', segmentBytes: 64 << 20 } as const;

let kit: CrossingKit;
afterEach(() => kit.destroy());

async function journalBatches(): Promise<Buffer[]> {
  const log = await kit.base.engine.open('queues', LOG);
  const { buffers } = await log.read(0, 1 << 30, true);
  const batches: Buffer[] = [];
  for (const buffer of buffers) {
    for (let at = 0; at < buffer.length; at += batchBytes(buffer, at)) {
      batches.push(Buffer.from(buffer.subarray(at, at + batchBytes(buffer, at))));
    }
  }
  return batches;
}

/** The messages of the queue and the mark that a start after `batches` finds. */
async function afterCrash(
  batches: readonly Buffer[],
  queueId: number,
  mark: string,
): Promise<{ messages: number; mark: number | undefined }> {
  const engine = createMemoryEngine(environment);
  const log = await engine.open('queues', LOG);
  for (const batch of batches) log.append(Buffer.from(batch));
  await log.whenCommitted(log.tail);
  const store = await openMessageStore({
    engine,
    environment,
    durability: 'fsync',
    knowsQueue: (id) => id === queueId,
  });
  let messages = 0;
  store.restore(() => {
    messages += 1;
  });
  return { messages, mark: store.mark(mark) };
}

it('finds the cursor behind exactly the records that are in the queue, wherever it happens', async () => {
  kit = await CrossingKit.open();
  await kit.base.streams.create({ name: 's' });
  const queue = await kit.queue('q');
  const other = await kit.queue('other');
  await kit.bind('s', 'q');
  const values = Array.from({ length: 700 }, (_, index) => 'x'.repeat(250 + (index % 97)));
  for (let batch = 0; batch < 10; batch++) await kit.produce('s', values);
  for (let turn = 0; turn < 15; turn++) {
    // Somebody else fills the batch of the turn, so that it ends among our records.
    const draft = new MessageDraft();
    draft.persistent = true;
    draft.setNames('', 'other');
    draft.setContent(Buffer.alloc(0), Buffer.alloc(850_000));
    kit.queues.publish(draft, [other]);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  await kit.settle();
  expect(queue.readyCount).toBe(7000);
  const { mark } = kit.crossing.bindings.pumps[0]!.place;
  const batches = await journalBatches();
  expect(batches.length).toBeGreaterThan(15);
  const seen = new Set<number>();
  for (let count = 0; count <= batches.length; count++) {
    const found = await afterCrash(batches.slice(0, count), queue.id, mark!);
    expect(found.messages).toBe(found.mark ?? 0);
    seen.add(found.messages);
  }
  // Batches end where the others have filled them, not only where the pump's turns do.
  expect(seen.size).toBeGreaterThan(10);
});

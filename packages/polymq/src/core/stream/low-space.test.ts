import { expect, it } from 'vitest';
import { createNodeEnvironment } from '../../lib/environment/node/node-environment.ts';
import { createMemoryEngine } from '../../log/memory/memory-engine.ts';
import { MetaJournal } from '../meta/meta-journal.ts';
import { writeBatch } from '../record/record-writer.ts';
import { openStreams } from './open-streams.ts';

it('refuses producers while the disk is low, and nothing else', async () => {
  const environment = createNodeEnvironment();
  const engine = createMemoryEngine(environment);
  const meta = await MetaJournal.open({ engine, clock: environment.clock });
  const { streams, close } = await openStreams({ environment, engine, meta });
  const stream = await streams.create({ name: 'a' });
  const partition = stream.partitions[0]!;
  const batch = () =>
    writeBatch({
      records: [{ value: Buffer.from('x') }],
      timestampMs: environment.clock.nowMs(),
    });
  await partition.append(batch(), 'committed');

  engine.metrics.lowSpace = true;
  await expect(partition.append(batch(), 'committed')).rejects.toMatchObject({
    code: 'storage-full',
    message: expect.stringContaining('partition 0 of "a"'),
  });
  expect((await partition.read(0, 1024, true)).nextOffset).toBe(1);
  await streams.create({ name: 'b' });
  expect(await partition.deleteRecords(1)).toBe(1);

  engine.metrics.lowSpace = false;
  expect((await partition.append(batch(), 'committed')).baseOffset).toBe(1);
  await close();
  await meta.close();
  await engine.close();
});

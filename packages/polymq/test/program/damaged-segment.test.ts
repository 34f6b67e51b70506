/** A byte of a stored segment changes while the broker is down: it is noticed, and never served. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createTopic, openControl } from '../../../../bench/kafka/admin.ts';
import type { Connection } from '../../../../bench/kafka/connection.ts';
import {
  fetchLayout,
  fetchRequest,
  produceErrorAt,
  produceRequest,
  recordBatch,
} from '../../../../bench/kafka/frames.ts';
import { type Polymq, startPolymq } from '../support/polymq.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const TOPIC = 'damaged';
const BATCHES = 200;
const RECORDS_PER_BATCH = 10;
/** From here on a stored batch is what the producer sent; before it stand offset and epoch. */
const MAGIC_AT = 16;
const SEGMENT_BYTES = 128 * 1024;

interface Read {
  /** First offsets of the batches that were served and are what was sent. */
  served: number[];
  /** Error codes by the offset asked for. */
  refused: Map<number, number>;
}

describe('a damaged segment', () => {
  const folder = temporaryFolder();
  const running: Polymq[] = [];

  afterAll(async () => {
    for (const broker of running) await broker.kill9();
    folder.remove();
  });

  const start = async (): Promise<{ broker: Polymq; control: Connection }> => {
    const broker = await startPolymq({
      data: folder.path,
      args: ['--streams-segment-bytes', String(SEGMENT_BYTES)],
    });
    running.push(broker);
    const port = broker.port('kafka');
    return { broker, control: await openControl(targetAt(port)) };
  };

  it('is refused at the damage only, and other partitions are whole', async () => {
    const sent = Array.from({ length: BATCHES }, (_, i) =>
      recordBatch({ recordBytes: 500, recordCount: RECORDS_PER_BATCH }, (value, k) => {
        value.writeUInt32BE(i, 0);
        value.writeUInt32BE(k, 4);
      }),
    );
    const first = await start();
    await createTopic(targetAt(first.broker.port('kafka')), TOPIC, 2);
    for (const batch of sent) {
      for (const partition of [0, 1]) {
        const answer = await first.control.call(produceRequest(TOPIC, [partition], batch));
        expect(answer.readInt16BE(produceErrorAt(TOPIC))).toBe(0);
      }
    }
    expect((await first.broker.stop()).code).toBe(0);

    flipByteInTheMiddle(folder.path);

    const second = await start();
    const damaged = await readAll(second.control, 0, sent);
    const whole = await readAll(second.control, 1, sent);
    expect(whole.refused.size).toBe(0);
    expect(whole.served).toHaveLength(BATCHES);
    expect(damaged.refused.size).toBeGreaterThan(0);
    // What lies before and behind the damage is served.
    expect(damaged.served).toContain(0);
    expect(damaged.served).toContain((BATCHES - 1) * RECORDS_PER_BATCH);
    expect(damaged.served.length + damaged.refused.size).toBe(BATCHES);
    expect(damaged.served.length).toBeGreaterThan(BATCHES / 2);
    // KAFKA_STORAGE_ERROR or CORRUPT_MESSAGE, never a made-up success.
    for (const code of damaged.refused.values()) expect([2, 56]).toContain(code);
    expect((await second.broker.stop()).code).toBe(0);
  });
});

/** Asks for every batch of a partition by itself. */
async function readAll(
  control: Connection,
  partition: number,
  sent: readonly Buffer[],
): Promise<Read> {
  const { errorAt, sizeAt, recordsAt } = fetchLayout(TOPIC);
  const read: Read = { served: [], refused: new Map() };
  for (const [i, expected] of sent.entries()) {
    const offset = i * RECORDS_PER_BATCH;
    const bytesMax = expected.length;
    const answer = await control.call(fetchRequest({ topic: TOPIC, partition, offset, bytesMax }));
    const error = answer.readInt16BE(errorAt);
    if (error !== 0) {
      read.refused.set(offset, error);
      continue;
    }
    const records = answer.subarray(recordsAt, recordsAt + answer.readInt32BE(sizeAt));
    expect(Number(records.readBigInt64BE(0))).toBe(offset);
    expect(records.subarray(MAGIC_AT, expected.length).equals(expected.subarray(MAGIC_AT))).toBe(
      true,
    );
    read.served.push(offset);
  }
  return read;
}

function flipByteInTheMiddle(data: string): void {
  const segments = readdirSync(data, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /^\d+\.log$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => path.includes(join(data, 'logs')) && readFileSync(path).includes('xxxxxxxx'))
    .sort();
  // Both partitions have the same content; all segments of the first are damaged candidates.
  const folderOfFirst = segments[0]!.slice(0, -basename(segments[0]!).length);
  const own = segments.filter((path) => path.startsWith(folderOfFirst));
  expect(own.length).toBeGreaterThan(2);
  const path = own[own.length >> 1]!;
  const content = readFileSync(path);
  content[SEGMENT_BYTES >> 1]! ^= 0x10;
  writeFileSync(path, content);
}

function targetAt(port: number): Parameters<typeof openControl>[0] {
  return {
    name: 'polymq',
    version: '',
    durability: 'fsync',
    host: '127.0.0.1',
    port,
    pid: undefined,
    stop: async () => {},
  };
}

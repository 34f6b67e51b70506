/**
 * The memory that requests are read into is used again as soon as the log and the sockets are done with it. If anybody
 * held on to it for too long, or let go too early, records would change under way: so every batch that comes out is
 * compared with what went in, while the cache is so small that memory changes hands all the time.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeBatch } from '../../../src/core/record/record-writer.ts';
import { type RunningBroker, startBroker } from '../../../src/index.ts';
import { crc32c } from '../../../src/lib/crc32c.ts';
import { AT, BATCH_CRC_START, batchBytes, batchNextOffset } from '../../../src/log/batch.ts';
import { produce } from '../../../src/protocols/kafka/schema/00-produce.ts';
import { fetch } from '../../../src/protocols/kafka/schema/01-fetch.ts';
import { createTopics } from '../../../src/protocols/kafka/schema/19-create-topics.ts';
import { KafkaWire } from '../../support/kafka-wire.ts';

const PRODUCERS = 3;
const BATCHES_PER_PRODUCER = 100;
const BATCH_BYTES = [700, 20_000, 130_000, 400_000];
const IN_FLIGHT = 8;
const STARTED_MS = Date.now();

let broker: RunningBroker;
let data: string;

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'polymq-memory-'));
  broker = await startBroker({
    data,
    durability: 'os',
    listen: ['kafka://127.0.0.1:0'],
    storage: { tailCacheBytes: 3 * 1024 * 1024, freeBytesMin: 0, freePercentMin: 0 },
  });
});

afterAll(async () => {
  await broker?.stop();
  await rm(data, { recursive: true, force: true });
});

/** A batch that says whose it is and which, and repeats it all through its value. */
function batchOf(producer: number, number: number): Buffer {
  const name = `${producer}:${number};`;
  const bytes = BATCH_BYTES[number % BATCH_BYTES.length]!;
  return writeBatch({
    records: [{ key: Buffer.from(name), value: Buffer.alloc(bytes, name) }],
    timestampMs: STARTED_MS,
  });
}

async function produceAll(topic: string, producer: number): Promise<void> {
  const wire = await KafkaWire.connect(broker.listener('kafka').port);
  let next = 0;
  const lane = async () => {
    while (next < BATCHES_PER_PRODUCER) {
      const records = batchOf(producer, next++);
      const response = await wire.request(produce, 9, {
        transactionalId: null,
        acks: -1,
        timeoutMs: 1000,
        topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
      });
      expect(response.responses[0]!.partitionResponses[0]!.errorCode).toBe(0);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  wire.close();
}

/** Reads until all has come, and returns the CRCs of the batches in order of offset. */
async function consumeAll(topic: string, waitMs: number, bytesMax: number): Promise<number[]> {
  const wire = await KafkaWire.connect(broker.listener('kafka').port);
  const crcs: number[] = [];
  let offset = 0;
  while (crcs.length < PRODUCERS * BATCHES_PER_PRODUCER) {
    const response = await wire.request(fetch, 11, {
      maxWaitMs: 500,
      minBytes: 1,
      maxBytes: bytesMax,
      topics: [
        { topic, partitions: [{ partition: 0, fetchOffset: offset, partitionMaxBytes: bytesMax }] },
      ],
      forgottenTopicsData: [],
    });
    const { errorCode, records } = response.responses[0]!.partitions[0]!;
    expect(errorCode).toBe(0);
    for (let at = 0; records && at < records.length; ) {
      const bytes = batchBytes(records, at);
      const crc = crc32c(records, at + BATCH_CRC_START, at + bytes);
      expect(crc).toBe(records.readUInt32BE(at + AT.crc));
      crcs.push(crc);
      offset = batchNextOffset(records, at);
      at += bytes;
    }
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
  wire.close();
  return crcs;
}

describe('memory that is used again', () => {
  it('delivers what was sent to readers at the tail, readers that lag, and readers after all', async () => {
    const topic = 'reused';
    const admin = await KafkaWire.connect(broker.listener('kafka').port);
    await admin.request(createTopics, 4, {
      topics: [
        { name: topic, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] },
      ],
      timeoutMs: 1000,
      validateOnly: false,
    });
    admin.close();
    const [fast, small, slow] = await Promise.all([
      consumeAll(topic, 0, 1_000_000),
      consumeAll(topic, 0, 100_000),
      consumeAll(topic, 20, 1_000_000),
      ...Array.from({ length: PRODUCERS }, (_, producer) => produceAll(topic, producer)),
    ]);
    const late = await consumeAll(topic, 0, 1_000_000);
    expect(small).toEqual(fast);
    expect(slow).toEqual(fast);
    expect(late).toEqual(fast);

    const sent = Array.from({ length: PRODUCERS }, (_, producer) =>
      Array.from({ length: BATCHES_PER_PRODUCER }, (_, number) =>
        batchOf(producer, number).readUInt32BE(AT.crc),
      ),
    ).flat();
    const ordered = (crcs: number[]) => [...crcs].sort((a, b) => a - b);
    expect(ordered(fast)).toEqual(ordered(sent));
  });
});

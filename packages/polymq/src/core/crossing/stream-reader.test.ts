import { afterEach, describe, expect, it } from 'vitest';
import { AT } from '../../log/batch.ts';
import { DamagedRangeError } from '../../log/log.ts';
import { BrokerError } from '../errors.ts';
import { type BatchToWrite, writeBatch, writeBatchCrc } from '../record/record-writer.ts';
import type { Partition } from '../stream/streams.ts';
import { type Kit, openKit, START_MS } from '../stream/testing/kit.ts';
import { openStreamReader, type StreamMessage, type StreamReader } from './stream-reader.ts';

let kit: Kit;
let partition: Partition;
afterEach(() => kit.destroy());

async function start(): Promise<void> {
  kit = await openKit();
  partition = (await kit.streams.create({ name: 's' })).partitions[0]!;
}

async function append(
  values: readonly string[],
  options: Partial<BatchToWrite> & { filter?: string } = {},
): Promise<void> {
  const { filter, ...batch } = options;
  const headers = filter === undefined ? [] : [{ key: 'f', value: Buffer.from(filter) }];
  const records = values.map((value) => ({ value: Buffer.from(value), headers }));
  await partition.append(writeBatch({ timestampMs: START_MS, ...batch, records }), 'committed');
}

async function read(reader: StreamReader, countMax = 100, bytesMax = 1000): Promise<string[]> {
  const messages: StreamMessage[] = [];
  while (reader.more) {
    const got = await reader.next(countMax - messages.length, bytesMax);
    messages.push(...got);
    if (messages.length >= countMax || bytesMax < 1000) break;
  }
  return messages.map(({ offset, body }) => `${offset}${body.toString()}`);
}

/** Whoever waits for a commit may hear of it before those who listen. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('a stream reader', () => {
  it('starts at either end, at the last batch, at an offset or a time', async () => {
    await start();
    await append(['a', 'b']);
    await append(['c', 'd'], { timestampMs: START_MS + 1000, codec: 'gzip' });
    await append(['e', 'f'], { timestampMs: START_MS + 2000 });
    const from = async (at: Parameters<typeof openStreamReader>[1]): Promise<string> =>
      (await read(await openStreamReader(partition, at))).join(' ');
    expect(await from('first')).toBe('0a 1b 2c 3d 4e 5f');
    expect(await from('last')).toBe('4e 5f');
    expect(await from('next')).toBe('');
    expect(await from(3)).toBe('3d 4e 5f');
    expect(await from(99)).toBe('');
    expect(await from({ timestampMs: START_MS + 500 })).toBe('2c 3d 4e 5f');
    expect(await from({ timestampMs: START_MS + 5000 })).toBe('');
  });

  it('gives no more than asked for, and goes on there', async () => {
    await start();
    await append(['a', 'b', 'c', 'd', 'e']);
    const reader = await openStreamReader(partition, 'first');
    expect(await read(reader, 2)).toEqual(['0a', '1b']);
    expect(reader.position).toBe(2);
    expect(await read(reader, 100, 2)).toEqual(['2c', '3d']);
    expect(await read(reader, 100, 0)).toEqual([]);
    expect(await read(reader)).toEqual(['4e']);
    expect(reader.more).toBe(false);
  });

  it('says when there is more, until it is closed', async () => {
    await start();
    let calls = 0;
    const reader = await openStreamReader(partition, 'next', { onMore: () => void calls++ });
    await append(['a']);
    await turn();
    expect(calls).toBe(1);
    expect(await read(reader)).toEqual(['0a']);
    reader.close();
    await append(['b']);
    await turn();
    expect([calls, reader.closed]).toEqual([1, true]);
  });

  it('passes records by the value of a header', async () => {
    await start();
    await append(['a'], { filter: 'x' });
    await append(['b']);
    await append(['c'], { filter: 'y' });
    await append(['d'], { filter: 'z' });
    const reader = async (matchUnfiltered: boolean): Promise<StreamReader> =>
      openStreamReader(partition, 'first', {
        filter: { header: 'f', values: ['x', 'z'], matchUnfiltered },
      });
    expect(await read(await reader(false))).toEqual(['0a', '3d']);
    expect(await read(await reader(true))).toEqual(['0a', '1b', '3d']);
  });

  it('decodes a message when it is asked for it', async () => {
    await start();
    await append(['a'], { filter: 'x' });
    const [first] = await (await openStreamReader(partition, 'first')).next(1);
    expect(first!.whole.message.headers).toEqual([{ name: 'f', value: 'x' }]);
    expect(first!.whole).toBe(first!.whole);
  });

  it('steps over what retention has removed', async () => {
    await start();
    await append(['a']);
    await append(['b']);
    await append(['c']);
    const reader = await openStreamReader(partition, 'first');
    await partition.deleteRecords(2);
    expect(await read(reader)).toEqual(['2c']);
    expect(reader.skipped).toBe(2);
  });

  it('steps over a batch whose compressed content is broken', async () => {
    await start();
    await append(['a']);
    const broken = writeBatch({
      records: [{ value: Buffer.from('b') }, { value: Buffer.from('c') }],
      timestampMs: START_MS,
      codec: 'gzip',
    });
    broken.fill(0, broken.length - 20);
    writeBatchCrc(broken);
    await partition.append(broken, 'committed');
    await append(['d']);
    const reader = await openStreamReader(partition, 'first');
    expect(await read(reader)).toEqual(['0a', '3d']);
    expect(reader.skipped).toBe(2);
  });

  it('leaves out control batches', async () => {
    await start();
    const control = writeBatch({ records: [{ value: Buffer.from('x') }], timestampMs: START_MS });
    control.writeUInt16BE(0x30, AT.attributes);
    writeBatchCrc(control);
    await append(['a']);
    await partition.append(control, 'committed');
    await append(['b']);
    const reader = await openStreamReader(partition, 'first');
    expect(await read(reader)).toEqual(['0a', '2b']);
    expect(reader.skipped).toBe(0);
  });

  it('steps over a range that is damaged on disk', async () => {
    await start();
    for (const value of ['a', 'b', 'c']) await append([value]);
    const whole = partition;
    const damaged = Object.create(whole, {
      read: {
        value: (offset: number, ...rest: [number, boolean]) => {
          if (offset === 0) return whole.read(0, 1, true);
          if (offset > 1) return whole.read(offset, ...rest);
          const cause = new DamagedRangeError('s', 1, 2);
          return Promise.reject(new BrokerError('damaged-range', 'damaged', { cause }));
        },
      },
      endOffset: { get: () => whole.endOffset },
      startOffset: { get: () => whole.startOffset },
    }) as Partition;
    const reader = await openStreamReader(damaged, 'first');
    expect(await read(reader)).toEqual(['0a', '2c']);
    expect(reader.skipped).toBe(1);
  });

  it('fails when the partition is deleted', async () => {
    await start();
    await append(['a']);
    const reader = await openStreamReader(partition, 'first');
    await kit.streams.delete('s');
    await expect(async () => reader.next(1)).rejects.toMatchObject({ code: 'unknown-partition' });
  });
});

import { afterEach, describe, expect, it } from 'vitest';
import { MessageDraft } from '../message/message-draft.ts';
import { MessageFormats } from '../message/message-formats.ts';
import { writeNeutral } from '../message/neutral-format.ts';
import type { NeutralMessage } from '../message/neutral-message.ts';
import { readBuffers } from '../record/record-reader.ts';
import type { StreamConfigName } from '../stream/stream-config.ts';
import type { Stream } from '../stream/streams.ts';
import { type Kit, openKit, START_MS } from '../stream/testing/kit.ts';
import { partitionOfKey } from './key-partition.ts';
import { StreamTarget } from './stream-target.ts';

let kit: Kit;
afterEach(() => kit.destroy());

async function start(
  partitionCount = 1,
  overrides: Partial<Record<StreamConfigName, string>> = {},
): Promise<{ stream: Stream; target: StreamTarget }> {
  kit = await openKit();
  const entries = Object.entries(overrides) as [StreamConfigName, string][];
  const stream = await kit.streams.create({
    name: 's',
    partitionCount,
    overrides: new Map(entries),
  });
  const { timers } = kit.environment;
  return {
    stream,
    target: new StreamTarget({ streams: kit.streams, formats: new MessageFormats(), timers }),
  };
}

function draftOf(
  routingKey: string,
  body: string,
  message: Partial<NeutralMessage> = {},
): MessageDraft {
  const draft = new MessageDraft();
  draft.publishedMs = START_MS;
  draft.setNames('e', routingKey);
  draft.setContent(writeNeutral({ headers: [], ...message }), Buffer.from(body));
  return draft;
}

async function readAll(stream: Stream, index = 0): Promise<string[]> {
  const partition = stream.partitions[index]!;
  const { buffers } = await partition.read(0, 10_000_000, true);
  return Array.from(readBuffers(buffers), ({ value }) => value!.toString());
}

async function batchCount(stream: Stream): Promise<number> {
  let count = 0;
  const log = (stream.partitions[0] as unknown as { log: { scanHeaders: Scan } }).log;
  await log.scanHeaders(0, () => {
    count++;
  });
  return count;
}
type Scan = (from: number, visit: () => void) => Promise<void>;

describe('a stream as a target', () => {
  it('has the messages of one turn in one batch, committed when the promise resolves', async () => {
    const { stream, target } = await start();
    const draft = draftOf('k', 'one');
    const promises = [target.appendToStream('s', draft)];
    // The draft may be used again at once.
    draft.setContent(writeNeutral({ headers: [] }), Buffer.from('two'));
    promises.push(target.appendToStream('s', draft));
    draft.setContent(writeNeutral({ headers: [] }), Buffer.from('three'));
    expect(stream.partitions[0]!.endOffset).toBe(0);
    await Promise.all(promises);
    expect(stream.partitions[0]!.endOffset).toBe(2);
    expect(await readAll(stream)).toEqual(['one', 'two']);
    expect(await batchCount(stream)).toBe(1);
    expect(target.uncommittedBytes).toBe(0);
  });

  it('takes bodies that lie in pieces', async () => {
    const { stream, target } = await start();
    const draft = draftOf('k', '');
    const properties = writeNeutral({ headers: [] });
    draft.content = Buffer.concat([Buffer.from('..'), properties, Buffer.from('ab')]);
    draft.contentStart = 2;
    draft.contentEnd = draft.content.length;
    draft.propertiesBytes = properties.length;
    draft.more = [Buffer.from('cd'), Buffer.from('ef')];
    await target.appendToStream('s', draft);
    expect(await readAll(stream)).toEqual(['abcdef']);
  });

  it('puts a key where Kafka’s producers put it', async () => {
    const { stream, target } = await start(5);
    const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
    await Promise.all(keys.map((key) => target.appendToStream('s', draftOf(key, key))));
    for (const key of keys) {
      expect(await readAll(stream, partitionOfKey(Buffer.from(key), 5))).toContain(key);
    }
  });

  it('sends messages without a key round the partitions, those of one turn together', async () => {
    const { stream, target } = await start(3);
    for (let turn = 0; turn < 3; turn++) {
      const drafts = [draftOf('', `${turn}a`), draftOf('', `${turn}b`)];
      await Promise.all(drafts.map((draft) => target.appendToStream('s', draft)));
    }
    const all = await Promise.all([0, 1, 2].map((index) => readAll(stream, index)));
    expect(all.toSorted()).toEqual([
      ['0a', '0b'],
      ['1a', '1b'],
      ['2a', '2b'],
    ]);
  });

  it('begins another batch when one would be too large for the stream, and refuses what never fits', async () => {
    const { stream, target } = await start(1, { batchBytesMax: '1000' });
    const sent = ['a', 'b', 'c'].map((letter) => draftOf('k', letter.repeat(400)));
    const promises = sent.map((draft) => target.appendToStream('s', draft));
    const tooLarge = target.appendToStream('s', draftOf('k', 'x'.repeat(1000)));
    promises.push(target.appendToStream('s', draftOf('k', 'last')));
    await expect(tooLarge).rejects.toMatchObject({ code: 'message-too-large' });
    await Promise.all(promises);
    expect((await readAll(stream)).map((text) => text[0])).toEqual(['a', 'b', 'c', 'l']);
    expect(await batchCount(stream)).toBe(3);
  });

  it('keeps a time that the stream would refuse in a header', async () => {
    const { stream, target } = await start(1, { timestampAheadMsMax: '1000' });
    const timestampMs = START_MS + 2000;
    await target.appendToStream('s', draftOf('k', 'v', { timestampMs }));
    const { buffers } = await stream.partitions[0]!.read(0, 1000, true);
    const [record] = [...readBuffers(buffers)];
    expect(record!.timestampMs).toBe(START_MS);
    expect(record!.headers.map(({ key, value }) => `${key}=${value}`)).toContain(
      `polymq-timestamp=${timestampMs}`,
    );
  });

  it('rejects when the stream is gone, also in the middle of a turn', async () => {
    const { target } = await start();
    await expect(target.appendToStream('x', draftOf('k', 'v'))).rejects.toMatchObject({
      code: 'unknown-stream',
    });
    const appended = target.appendToStream('s', draftOf('k', 'v'));
    await expect(Promise.all([kit.streams.delete('s'), appended])).rejects.toMatchObject({
      code: 'unknown-partition',
    });
  });
});

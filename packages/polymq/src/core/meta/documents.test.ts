import { describe, expect, it } from 'vitest';
import { createNodeEnvironment } from '../../lib/environment/node/node-environment.ts';
import type { LogEngine } from '../../log/log.ts';
import { createMemoryEngine } from '../../log/memory/memory-engine.ts';
import type { Documents } from './documents.ts';
import { MetaJournal } from './meta-journal.ts';
import { type DocumentLimits, openDocuments } from './open-documents.ts';

const environment = createNodeEnvironment();

async function open(
  engine: LogEngine = createMemoryEngine(environment),
  limits?: Partial<DocumentLimits>,
): Promise<{ documents: Documents; meta: MetaJournal }> {
  const { clock } = environment;
  const meta = await MetaJournal.open({ engine, clock, snapshotAfterCommands: 10 });
  return { documents: openDocuments(meta, limits), meta };
}

describe('documents', () => {
  it('are there after a restart, from the log and from a snapshot', async () => {
    const engine = createMemoryEngine(environment);
    const { documents, meta } = await open(engine);
    for (let at = 0; at < 25; at++) await documents.put(`a/${at % 15}`, { at, list: [at, null] });
    await documents.delete('a/3');
    await documents.delete('a/99');
    await meta.close();
    const again = (await open(engine)).documents;
    expect(again.list('')).toEqual(documents.list(''));
    expect(again.list('')).toHaveLength(14);
    expect(again.get('a/9')).toEqual({ at: 24, list: [24, null] });
    expect(again.get('a/3')).toBeUndefined();
  });

  it('are listed by prefix in the order of keys', async () => {
    const { documents } = await open();
    for (const key of ['b', 'a/2', 'a', 'a/10', 'a0', 'a/1']) await documents.put(key, { key });
    const keys = (prefix: string) => documents.list(prefix).map(([key]) => key);
    expect(keys('a/')).toEqual(['a/1', 'a/10', 'a/2']);
    expect(keys('')).toEqual(['a', 'a/1', 'a/10', 'a/2', 'a0', 'b']);
    expect(keys('c')).toEqual([]);
    await documents.delete('a/10');
    expect(keys('a/')).toEqual(['a/1', 'a/2']);
  });

  it('are as they were last put when many puts are on their way', async () => {
    const { documents } = await open();
    const puts = [1, 2, 3].map((value) => documents.put('key', { value }));
    const deleted = documents.delete('key');
    puts.push(documents.put('key', { value: 4 }));
    expect(documents.get('key')).toBeUndefined();
    await Promise.all([...puts, deleted]);
    expect(documents.get('key')).toEqual({ value: 4 });
    expect(documents.list('')).toHaveLength(1);
  });

  it('deletes what is still on its way', async () => {
    const { documents } = await open();
    await Promise.all([documents.put('key', {}), documents.delete('key')]);
    expect(documents.get('key')).toBeUndefined();
  });

  it('do not change with the object that was put', async () => {
    const { documents } = await open();
    const document: Record<string, string> = { a: 'before' };
    const put = documents.put('key', document);
    document['a'] = 'after';
    await put;
    document['b'] = 'more';
    expect(documents.get('key')).toEqual({ a: 'before' });
  });

  it('are refused beyond the limits, also when they come at once', async () => {
    const limits = { documentsMax: 3, documentBytesMax: 60, bytesMax: 110 };
    const { documents } = await open(undefined, limits);
    const reached = { code: 'limit-reached' };
    await expect(documents.put('', {})).rejects.toMatchObject(reached);
    await expect(documents.put('long', { text: 'x'.repeat(50) })).rejects.toMatchObject(reached);
    const four = ['a', 'b', 'c', 'd'].map((key) => documents.put(key, {}));
    const settled = await Promise.allSettled(four);
    expect(settled.map(({ status }) => status)).toEqual([
      ...Array(3).fill('fulfilled'),
      'rejected',
    ]);
    const text = 'x'.repeat(40);
    await documents.put('a', { text });
    const two = await Promise.allSettled([
      documents.put('b', { text }),
      documents.put('c', { text }),
    ]);
    expect(two.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    // Replacing one by another of its size needs no room.
    await documents.put('b', { text: 'y'.repeat(40) });
    await documents.delete('c');
    await documents.put('d', {});
    expect(documents.list('').map(([key]) => key)).toEqual(['a', 'b', 'd']);
  });
});

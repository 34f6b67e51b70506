import { afterEach, expect, test } from 'vitest';
import { openDocuments } from '../meta/open-documents.ts';
import { writeBatch } from '../record/record-writer.ts';
import { type Kit, type KitOptions, openKit } from '../stream/testing/kit.ts';
import type { EventLogLimits, EventToAppend, LoggedEvent } from './event-log.ts';
import { StreamEventLog } from './open-event-log.ts';

interface World {
  kit: Kit;
  log: StreamEventLog;
}

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function open(options: KitOptions = {}, limits?: Partial<EventLogLimits>): Promise<World> {
  return openOn(await openKit(options), limits);
}

function openOn(kit: Kit, limits?: Partial<EventLogLimits>): World {
  const documents = openDocuments(kit.meta);
  const { streams, environment } = kit;
  const log = new StreamEventLog({ streams, documents, environment, ...(limits && { limits }) });
  const world = { kit, log };
  closing.push(async () => {
    world.log.close();
    await world.kit.destroy();
  });
  return world;
}

async function restart(world: World): Promise<World> {
  world.log.close();
  closing.pop();
  return openOn(await world.kit.restart());
}

let made = 0;

function event(text: string, more: Partial<EventToAppend> = {}): EventToAppend {
  made += 1;
  return {
    id: `e${made}`,
    body: Buffer.from(text),
    contentType: 'text/plain',
    headers: {},
    timestampMs: 1_700_000_000_000,
    ...more,
  };
}

function texts(events: readonly LoggedEvent[]): string[] {
  return events.map(({ stream, version, body }) => `${stream}/${version}=${Buffer.from(body)}`);
}

const ALL = { max: 1000, waitMs: 0 };

test('events come back as they were, with versions from 1 on', async () => {
  const { log } = await open();
  const first = event('a', { type: 'Opened', headers: { who: 'me' }, correlationId: 'c' });
  const outcome = await log.append('bank', 'acc-1', [first, event('b')], 0);
  expect(outcome).toMatchObject({ conflict: false, version: 2, duplicate: false });
  const [one, two] = await log.readStream('bank', 'acc-1', 1, 10);
  expect(one).toEqual({
    ...{ ...first, replyTo: undefined },
    ...{ stream: 'acc-1', version: 1, position: '1' },
  });
  expect(two).toMatchObject({ version: 2, position: '2' });
  expect(texts(await log.readStream('bank', 'acc-1', 2, 10))).toEqual(['acc-1/2=b']);
  expect(await log.version('bank', 'acc-1')).toBe(2);
  expect(await log.version('bank', 'nobody')).toBe(0);
});

test('of appends that expect the same version one wins, also when they are on their way together', async () => {
  const { log } = await open();
  const race = [1, 2, 3].map((n) => log.append('bank', 'acc', [event(`${n}`)], 0));
  const outcomes = await Promise.all(race);
  expect(outcomes.map(({ conflict }) => conflict)).toEqual([false, true, true]);
  expect(outcomes[1]).toEqual({ conflict: true, version: 1 });
  expect(texts(await log.readStream('bank', 'acc', 1, 10))).toEqual(['acc/1=1']);
});

test('appends of one stream share a commit when each expects what the last one leaves', async () => {
  const { log } = await open();
  const many = Array.from({ length: 50 }, (_, at) => log.append('s', 'x', [event('.')], at));
  const outcomes = await Promise.all(many);
  expect(outcomes.every(({ conflict }) => !conflict)).toBe(true);
  expect(await log.version('s', 'x')).toBe(50);
});

test('an append that is sent again is answered as before and stored once', async () => {
  const { log } = await open();
  const events = [event('a'), event('b')];
  const first = await log.append('bank', 'acc', events, 0);
  await log.append('bank', 'acc', [event('c')], 2);
  const again = await log.append('bank', 'acc', events, 0);
  expect(again).toEqual({ ...first, duplicate: true });
  expect(await log.append('bank', 'acc', [events[0]!, event('z')], 0)).toEqual({
    ...{ conflict: true, version: 3 },
  });
});

test('the index is rebuilt from the log', async () => {
  const before = await open();
  for (let at = 0; at < 30; at++) {
    await before.log.append('bank', `acc-${at % 3}`, [event(`${at}`), event(`${at}'`)]);
  }
  const all = await before.log.readAll('bank', undefined, ALL);
  const after = await restart(before);
  expect(await after.log.readAll('bank', undefined, ALL)).toEqual(all);
  expect(all).toHaveLength(60);
  expect(await after.log.version('bank', 'acc-1')).toBe(20);
  expect(await after.log.append('bank', 'acc-1', [event('!')], 20)).toMatchObject({ version: 21 });
  expect(texts(await after.log.readStream('bank', 'acc-1', 19, 2))).toEqual([
    'acc-1/19=28',
    "acc-1/20=28'",
  ]);
});

test('records of others are stepped over, and those that look like events follow the same rule', async () => {
  const world = await open();
  const { kit, log } = world;
  await log.append('bank', 'acc', [event('1')], 0);
  const partition = kit.streams.get('bank')!.partitions[0]!;
  const foreign = (version: string, value: string, key = 'acc'): Promise<unknown> => {
    const headers = [{ key: 'polymq-event', value: Buffer.from(version) }];
    const record = { key: Buffer.from(key), value: Buffer.from(value), headers };
    const batch = writeBatch({ records: [record], timestampMs: 1_700_000_000_000 });
    return partition.append(batch, 'committed');
  };
  await foreign('7', 'far ahead');
  await foreign('1', 'too late');
  await foreign('x', 'nonsense');
  await foreign('2+', 'joined to nothing');
  const junk = [{ value: Buffer.from('no key') }, { key: Buffer.from('acc') }];
  await partition.append(writeBatch({ records: junk, timestampMs: 0, codec: 'gzip' }), 'committed');
  const mine = log.append('bank', 'acc', [event('2')], 1);
  await foreign('2', 'slower than mine');
  await foreign('3', 'in time');
  expect(await mine).toMatchObject({ conflict: false, version: 2 });
  expect(await log.append('bank', 'acc', [event('3')], 2)).toEqual({ conflict: true, version: 3 });
  const expected = ['acc/1=1', 'acc/2=2', 'acc/3=in time'];
  expect(texts(await log.readStream('bank', 'acc', 1, 10))).toEqual(expected);
  expect(texts(await log.readAll('bank', undefined, ALL))).toEqual(expected);
  const after = await restart(world);
  expect(texts(await after.log.readAll('bank', undefined, ALL))).toEqual(expected);
});

test('an append that loses against a faster foreign record counts for nothing, as a whole', async () => {
  const world = await open();
  const { kit, log } = world;
  await log.append('bank', 'acc', [event('1')], 0);
  const partition = kit.streams.get('bank')!.partitions[0]!;
  const headers = [{ key: 'polymq-event', value: Buffer.from('2') }];
  const record = { key: Buffer.from('acc'), value: Buffer.from('foreign'), headers };
  const batch = writeBatch({ records: [record], timestampMs: 0 });
  // In the log, and not committed: the store cannot know of it yet.
  const foreign = partition.append(batch, 'committed');
  const [lost, any] = await Promise.all([
    log.append('bank', 'acc', [event('2'), event('3')], 1),
    log.append('bank', 'acc', [event('any')]),
    foreign,
  ]);
  expect(lost).toEqual({ conflict: true, version: 2 });
  expect(any).toMatchObject({ conflict: false, version: 3 });
  const expected = ['acc/1=1', 'acc/2=foreign', 'acc/3=any'];
  expect(texts(await log.readStream('bank', 'acc', 1, 10))).toEqual(expected);
  const after = await restart(world);
  expect(texts(await after.log.readStream('bank', 'acc', 1, 10))).toEqual(expected);
});

test('a stream whose events lie far apart is read in order, a page at a time', async () => {
  const { log } = await open({ engine: 'file' });
  for (let at = 0; at < 60; at++) {
    const others = Array.from({ length: 40 }, () => event('other'));
    await Promise.all([log.append('s', 'a', [event(`${at}`)]), log.append('s', 'b', others)]);
  }
  const read: string[] = [];
  for (let from = 1; from <= 60; from += 25) {
    const page = await log.readStream('s', 'a', from, 25);
    read.push(...page.map(({ version, body }) => `${version}=${Buffer.from(body)}`));
  }
  expect(read).toEqual(Array.from({ length: 60 }, (_, at) => `${at + 1}=${at}`));
});

test('readAll goes on where it was and waits for more', async () => {
  const { log, kit } = await open();
  const waiting = log.readAll('later', undefined, { max: 10, waitMs: 60_000 });
  await log.append('later', 'a', [event('1'), event('2'), event('3')], 0);
  const first = await waiting;
  expect(texts(first).slice(0, 1)).toEqual(['a/1=1']);
  const [one] = await log.readAll('later', undefined, { max: 1, waitMs: 0 });
  expect(texts(await log.readAll('later', one!.position, ALL))).toEqual(['a/2=2', 'a/3=3']);
  const end = (await log.readAll('later', undefined, ALL)).at(-1)!.position;
  const more = log.readAll('later', end, { max: 10, waitMs: 60_000 });
  await log.append('later', 'b', [event('4')]);
  expect(texts(await more)).toEqual(['b/1=4']);
  const abort = new AbortController();
  const last = (await log.readAll('later', undefined, ALL)).at(-1)!.position;
  const none = log.readAll('later', last, { max: 1, waitMs: 60_000, signal: abort.signal });
  const late = log.readAll('later', last, { max: 1, waitMs: 500 });
  setTimeout(() => abort.abort(), 5);
  expect(await none).toEqual([]);
  kit.clock.advance(500);
  expect(await late).toEqual([]);
});

test('a store over several partitions keeps the order of each stream, also when its stream grows', async () => {
  const { log, kit } = await open();
  const overrides = new Map([['retentionMs', '-1']] as const);
  await kit.streams.create({ name: 'wide', partitionCount: 3, overrides });
  for (let at = 0; at < 40; at++) await log.append('wide', `s${at % 8}`, [event(`${at}`)]);
  await kit.streams.setPartitionCount('wide', 5);
  for (let at = 40; at < 60; at++) await log.append('wide', `s${at % 8}`, [event(`${at}`)]);
  const seen = new Map<string, number>();
  let after: string | undefined;
  for (let count = 0; count < 60; ) {
    const events = await log.readAll('wide', after, { max: 7, waitMs: 0 });
    expect(events.length).toBeGreaterThan(0);
    for (const { stream, version } of events) {
      expect(version).toBe((seen.get(stream) ?? 0) + 1);
      seen.set(stream, version);
    }
    count += events.length;
    after = events.at(-1)!.position;
  }
  expect(await log.readAll('wide', after, ALL)).toEqual([]);
  expect([...seen.values()].reduce((sum, version) => sum + version, 0)).toBe(60);
});

test('refuses what would make versions meaningless, and says what to do', async () => {
  const { log, kit } = await open();
  await kit.streams.create({ name: 'short' });
  await expect(log.append('short', 'a', [event('1')])).rejects.toThrow(/retentionMs/);
  await expect(log.append('s', '', [event('1')])).rejects.toThrow(/1 to 1024/);
  await expect(log.append('s', 'a', [])).rejects.toThrow(/1 to 10000/);
  const big = event('x'.repeat(2_000_000));
  await expect(log.append('s', 'a', [big])).rejects.toMatchObject({ code: 'message-too-large' });
  const named = event('1', { headers: { 'polymq-event': '9' } });
  await expect(log.append('s', 'a', [named])).rejects.toThrow(/polymq-event/);
  await log.append('s', 'a', [event('1')], 0);
  await expect(log.readAll('s', 'x', ALL)).rejects.toMatchObject({ code: 'invalid-request' });
  await expect(log.readAll('s', '99', ALL)).rejects.toMatchObject({ code: 'offset-out-of-range' });
  await kit.streams.get('s')!.partitions[0]!.deleteRecords(1);
  await expect(log.append('s', 'a', [event('2')])).rejects.toThrow(/lost its records/);
});

test('a deleted store is gone, and may be made again', async () => {
  const { log, kit } = await open();
  await log.append('s', 'a', [event('1'), event('2')], 0);
  const indexBytes = log.indexBytes;
  await kit.streams.delete('s');
  expect(await log.version('s', 'a')).toBe(0);
  expect(log.indexBytes).toBe(0);
  await expect(log.readAll('s', '2', ALL)).rejects.toMatchObject({ code: 'offset-out-of-range' });
  await log.append('s', 'a', [event('1'), event('2')], 0);
  expect(log.indexBytes).toBe(indexBytes);
});

test('the memory of the indexes is bounded', async () => {
  const { log } = await open({}, { indexBytesMax: 250 });
  await log.append('s', 'a', [event('1')], 0);
  await expect(log.append('s', 'b', [event('1')], 0)).rejects.toThrow(/indexBytesMax/);
  await log.append('s', 'a', [event('2')], 1);
});

test('appends wait for each other when too much is on its way', async () => {
  const { log } = await open({}, { inFlightBytesMax: 1 });
  const many = Array.from({ length: 20 }, () => log.append('s', 'a', [event('.')]));
  await Promise.all(many);
  expect(await log.version('s', 'a')).toBe(20);
});

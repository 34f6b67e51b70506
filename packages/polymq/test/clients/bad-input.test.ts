import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bombs } from './bombs.ts';
import { kafkaJs, newTopic, readAll, sendAll, text, withAdmin } from './kafkajs-client.ts';
import { eventually, type KafkaPeer, PEER_KIND, startPeer } from './peer.ts';
import {
  batch,
  frame,
  i16,
  i32,
  produceBody,
  produceError,
  RawKafka,
  record,
  string,
} from './raw-kafka.ts';

const PRODUCE = 0;
const LIST_OFFSETS = 2;
const METADATA = 3;
const API_VERSIONS = 18;
const DELETE_TOPICS = 20;
const CORRUPT_MESSAGE = 2;
const MESSAGE_TOO_LARGE = 10;
const UNSUPPORTED_VERSION = 35;
const INVALID_RECORD = 87;
const MIB = 1024 * 1024;

const isPolymq = PEER_KIND === 'polymq';

let peer: KafkaPeer;

beforeAll(async () => {
  peer = await startPeer();
});
afterAll(() => peer?.stop());

const connect = () => RawKafka.connect(peer.host, peer.port);

/** Asks like any client does; a broker that answers this goes on. */
async function stillServes(): Promise<void> {
  const kafka = kafkaJs(peer);
  const topic = await newTopic(kafka, 'still');
  await sendAll(kafka, topic, [{ value: 'alive' }]);
  const [got] = await readAll(kafka, topic, 1);
  expect(text(got?.message.value)).toBe('alive');
}

/** The counter of connections closed for a broken protocol. */
async function protocolErrors(): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${peer.httpPort}/metrics`);
  const values = (await response.text()).matchAll(
    /^polymq_protocol_errors_total\{[^}]*kafka[^}]*\} (\d+)/gm,
  );
  return [...values].reduce((sum, [, value]) => sum + Number(value), 0);
}

describe('a connection is closed, counted and logged once', () => {
  const cases: [string, (raw: RawKafka) => void][] = [
    ['a negative frame length', (raw) => raw.send(i32(-1))],
    ['the largest frame length', (raw) => raw.send(i32(0x7fff_ffff))],
    ['a frame too short for a header', (raw) => raw.send(Buffer.concat([i32(3), randomBytes(3)]))],
    ['an unknown API key', (raw) => raw.send(frame(9999, 0, 1, Buffer.alloc(0)))],
    ['a version nobody offered', (raw) => raw.send(frame(METADATA, 99, 1, Buffer.alloc(0)))],
    ['a body cut short', (raw) => raw.send(frame(METADATA, 1, 1, i16(0)))],
    ['an array of 2³¹−1 topics', (raw) => raw.send(frame(METADATA, 1, 1, i32(0x7fff_ffff)))],
    ['a null where none may be', (raw) => raw.send(frame(DELETE_TOPICS, 1, 1, i32(-1)))],
    [
      'a string longer than its frame',
      (raw) => raw.send(frame(METADATA, 1, 1, Buffer.concat([i32(1), i16(30_000), i16(0)]))),
    ],
    [
      'an HTTP request',
      (raw) => raw.send(Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')),
    ],
    ['a TLS hello', (raw) => raw.send(Buffer.from('160301020001', 'hex'))],
  ];

  test.for(cases)('%s', async ([, misbehave]) => {
    const before = isPolymq ? await protocolErrors() : 0;
    const logged = () => peer.output().match(/protocol error/g)?.length ?? 0;
    const loggedBefore = logged();
    const raw = await connect();
    misbehave(raw);
    expect(await raw.closed()).toBe('closed');
    if (isPolymq) {
      expect(await protocolErrors()).toBe(before + 1);
      await eventually('it is logged', () => (logged() === loggedBefore + 1 ? true : undefined));
    }
    await stillServes();
  });

  // The limit is a setting of this broker; another peer has its own.
  test.skipIf(!isPolymq)('a frame above the limit, once the connection is trusted', async () => {
    const raw = await connect();
    const answer = await raw.request(API_VERSIONS, 0, Buffer.alloc(0));
    expect(answer).not.toBe('closed');
    raw.send(i32(33 * MIB));
    expect(await raw.closed()).toBe('closed');
    await stillServes();
  });

  test('a peer that says half a frame and leaves is forgotten', async () => {
    const raw = await connect();
    raw.send(frame(METADATA, 1, 1, i32(0)).subarray(0, 9));
    raw.end();
    await stillServes();
  });
});

describe('requests that get an error', () => {
  test('an ApiVersions newer than ours is answered in version 0 with error 35', async () => {
    const raw = await connect();
    const answer = (await raw.request(API_VERSIONS, 99, Buffer.alloc(8))) as Buffer;
    expect(answer.readInt16BE(0)).toBe(UNSUPPORTED_VERSION);
    // The entry of ApiVersions itself tells the client what to ask in.
    const count = answer.readInt32BE(2);
    const keys = Array.from({ length: count }, (_, index) => answer.readInt16BE(6 + 6 * index));
    expect(keys).toContain(API_VERSIONS);
    expect(await raw.request(API_VERSIONS, 0, Buffer.alloc(0))).not.toBe('closed');
    raw.end();
  });

  test.each([0, 1, 2])('Produce %i is unsupported although it is advertised', async (version) => {
    const topic = await newTopic(kafkaJs(peer), 'old-produce');
    const raw = await connect();
    // Before version 3 the body has no transactional id.
    const body = produceBody(topic, batch({ records: record(Buffer.from('v')) })).subarray(2);
    const answer = await raw.request(PRODUCE, version, body);
    const errorCode = produceError(topic, answer);
    // Apache Kafka hangs up; an error that the client can show is kinder.
    expect([UNSUPPORTED_VERSION, 'closed']).toContain(errorCode);
    if (isPolymq) expect(errorCode).toBe(UNSUPPORTED_VERSION);
    raw.end();
  });

  interface BadBatch {
    what: string;
    make: () => Buffer;
    errors: number[];
  }

  const good = () => batch({ records: record(Buffer.from('value')) });
  const changed = (change: (bytes: Buffer) => Buffer | undefined) => {
    const bytes = good();
    return change(bytes) ?? bytes;
  };
  const badBatches: BadBatch[] = [
    {
      what: 'a wrong CRC',
      make: () =>
        changed((bytes) => void bytes.writeUInt8(bytes[bytes.length - 2]! ^ 1, bytes.length - 2)),
      errors: [CORRUPT_MESSAGE],
    },
    {
      what: 'a batch cut short',
      make: () => changed((bytes) => bytes.subarray(0, bytes.length - 3)),
      errors: [CORRUPT_MESSAGE, INVALID_RECORD],
    },
    {
      what: 'less than a batch header',
      make: () => good().subarray(0, 20),
      errors: [CORRUPT_MESSAGE, INVALID_RECORD],
    },
    {
      what: 'a negative batch length',
      make: () => changed((bytes) => void bytes.writeInt32BE(-1, 8)),
      errors: [CORRUPT_MESSAGE, INVALID_RECORD],
    },
    {
      what: 'fewer records than claimed',
      make: () => batch({ recordCount: 5, records: record(Buffer.from('v')) }),
      errors: [INVALID_RECORD],
    },
    {
      what: 'a billion records claimed',
      make: () => batch({ recordCount: 1_000_000_000, records: record(Buffer.from('v')) }),
      errors: [INVALID_RECORD],
    },
    {
      what: 'a record longer than its batch',
      make: () => batch({ records: record(Buffer.from('v'), 100_000) }),
      errors: [INVALID_RECORD, CORRUPT_MESSAGE],
    },
    {
      what: 'random bytes as records',
      make: () => batch({ records: randomBytes(200) }),
      errors: [INVALID_RECORD, CORRUPT_MESSAGE],
    },
    {
      what: 'more than message.max.bytes',
      make: () => batch({ records: record(randomBytes(2 * MIB)) }),
      errors: [MESSAGE_TOO_LARGE],
    },
  ];

  test.for(badBatches)('a produced batch with $what', async ({ make, errors }) => {
    const kafka = kafkaJs(peer);
    const topic = await newTopic(kafka, 'bad-batch');
    const raw = await connect();
    // The first request of a connection may not be large: introduce ourselves.
    await raw.request(API_VERSIONS, 0, Buffer.alloc(0));
    const answer = await raw.request(PRODUCE, 7, produceBody(topic, make()));
    const errorCode = produceError(topic, answer);
    expect(errors).toContain(errorCode);
    // Nothing of it was stored, and the same connection still stores a good one.
    const next = await raw.request(PRODUCE, 7, produceBody(topic, good()));
    expect(produceError(topic, next)).toBe(0);
    raw.end();
    const offsets = await withAdmin(kafka, (admin) => admin.fetchTopicOffsets(topic));
    expect(offsets[0]?.high).toBe('1');
  });

  test('one bad partition does not spoil the good one beside it', async () => {
    const kafka = kafkaJs(peer);
    const topic = await newTopic(kafka, 'half-bad', 2);
    const bad = changed((bytes) => void bytes.writeUInt32BE(0, 17));
    const part = (index: number, bytes: Buffer) => [i32(index), i32(bytes.length), bytes];
    const body = Buffer.concat([
      ...[i16(-1), i16(-1), i32(5000), i32(1), string(topic), i32(2)],
      ...[...part(0, bad), ...part(1, good())],
    ]);
    const raw = await connect();
    await raw.request(PRODUCE, 7, body);
    raw.end();
    const offsets = await withAdmin(kafka, (admin) => admin.fetchTopicOffsets(topic));
    const highs = offsets.sort((a, b) => a.partition - b.partition).map(({ high }) => high);
    expect(highs).toEqual(['0', '1']);
  });
});

// Apache Kafka decompresses at produce and answers otherwise; these are this broker's bounds.
describe.skipIf(!isPolymq)('decompression bombs', () => {
  /** The most memory the process ever held, in bytes; Linux tells. */
  function peakMemory(): number | undefined {
    const path = `/proc/${peer.pid}/status`;
    if (!existsSync(path)) return undefined;
    const match = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(path, 'utf8'));
    return match ? Number(match[1]) * 1024 : undefined;
  }

  test.for(bombs())('$codec', async ({ attributes, compressed }) => {
    const kafka = kafkaJs(peer);
    const topic = await newTopic(kafka, 'bomb', 1, [
      { name: 'max.message.bytes', value: `${8 * MIB}` },
    ]);
    await stillServes();
    const before = peakMemory();
    const raw = await connect();
    await raw.request(API_VERSIONS, 0, Buffer.alloc(0));
    const bomb = batch({ attributes, records: compressed });
    const answer = await raw.request(PRODUCE, 7, produceBody(topic, bomb));
    // Refused, or stored without looking inside. What comes back later is the reader's risk.
    expect([0, CORRUPT_MESSAGE, INVALID_RECORD]).toContain(produceError(topic, answer));
    // A search by time has to look inside: any answer will do.
    const search = Buffer.concat([
      ...[i32(-1), i32(1), string(topic), i32(1), i32(0)],
      Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]),
    ]);
    expect(await raw.request(LIST_OFFSETS, 1, search)).not.toBe('closed');
    raw.end();
    await stillServes();
    const after = peakMemory();
    if (before !== undefined && after !== undefined) {
      expect((after - before) / MIB).toBeLessThan(160);
    }
  });
});

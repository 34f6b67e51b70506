import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FieldTimestamp } from '../methods/row.ts';
import { editHeaders, editProperties } from './edit-properties.ts';
import { contentHeader, readProperties, writeProperties } from './properties.ts';
import { type BasicProperties, PROPERTIES, PROPERTY_FLAG } from './property-list.ts';
import { PropertiesScan, scanProperties } from './scan-properties.ts';
import { mutants, prefixes, refusal } from './testing/mutations.ts';
import { fieldTable } from './testing/tables.ts';

const text = fc.string({ maxLength: 60 });
const octet = fc.nat(255);
const properties = fc.record(
  {
    contentType: text,
    contentEncoding: text,
    headers: fieldTable,
    deliveryMode: octet,
    priority: octet,
    correlationId: text,
    replyTo: text,
    expiration: text,
    messageId: text,
    timestamp: fc.maxSafeNat(),
    type: text,
    userId: text,
    appId: text,
    clusterId: text,
  },
  { requiredKeys: [] },
) as fc.Arbitrary<BasicProperties>;

const FULL: BasicProperties = {
  contentType: 'text/plain',
  contentEncoding: 'gzip',
  headers: { CC: ['a'], n: 7 },
  deliveryMode: 2,
  priority: 9,
  correlationId: 'c',
  replyTo: 'r',
  expiration: '500',
  messageId: 'm',
  timestamp: 1_700_000_000,
  type: 't',
  userId: 'u',
  appId: 'a',
  clusterId: 'k',
};

/** A content header as amqplib 2.3.1 writes it. */
const GOLDEN = Buffer.from(
  '003c000000000000000003e8bff80a746578742f706c61696e00000042016e6207017353' +
    '00000002c3a901614100000003740156036269676c00000100000000000164643ff8000000000000017454' +
    '000000006553f10001787800000001ff02090163017203353030016d000000006553f100017401750161',
  'hex',
);

function read(bytes: Buffer): BasicProperties {
  return readProperties(bytes, 0, bytes.length);
}

function scan(bytes: Buffer): PropertiesScan {
  const result = new PropertiesScan();
  scanProperties(bytes, 0, bytes.length, result);
  return result;
}

/** With tables as literals. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, inner) => (typeof inner === 'bigint' ? `${inner}n` : inner)),
  );
}

describe('basic properties', () => {
  it('read back as they were written', () => {
    fc.assert(
      fc.property(properties, fc.maxSafeNat(), (written, bodyBytes) => {
        const header = contentHeader(written, bodyBytes);
        expect(plain(read(header))).toEqual(plain(written));
        expect(scan(header).bodyBytes).toBe(bodyBytes);
        expect(header.subarray(12).equals(writeProperties(written))).toBe(true);
      }),
    );
  });

  it('are read as amqplib writes them', () => {
    expect(read(GOLDEN)).toEqual({
      contentType: 'text/plain',
      headers: Object.assign(Object.create(null), {
        n: 7,
        s: 'é',
        a: [true, null],
        big: 2 ** 40,
        d: 1.5,
        t: new FieldTimestamp(1_700_000_000),
        x: Buffer.from([255]),
      }),
      deliveryMode: 2,
      priority: 9,
      correlationId: 'c',
      replyTo: 'r',
      expiration: '500',
      messageId: 'm',
      timestamp: 1_700_000_000,
      type: 't',
      userId: 'u',
      appId: 'a',
    });
    expect(scan(GOLDEN).bodyBytes).toBe(1000);
  });

  it('have the flags of the specification, highest bit first', () => {
    expect(PROPERTIES.map(([, , flag]) => flag)).toEqual(
      Array.from({ length: 14 }, (_, index) => 0x8000 >> index),
    );
    expect(PROPERTIES.map(([name]) => name)).toEqual(Object.keys(FULL));
    expect(PROPERTY_FLAG.clusterId).toBe(4);
  });

  it('are repaired where their text is not UTF-8, not refused', () => {
    const header = contentHeader({ type: 'x' }, 0);
    header[header.length - 1] = 0xff;
    expect(read(header)).toEqual({ type: '\ufffd' });
  });
});

describe('scanning properties', () => {
  it('finds the same values as reading them, at any position, whatever was scanned before', () => {
    const found = new PropertiesScan();
    fc.assert(
      fc.property(properties, fc.nat(20), (written, offset) => {
        const header = contentHeader(written, 5);
        const buffer = Buffer.concat([Buffer.alloc(offset, 0xff), header, Buffer.alloc(9, 0xff)]);
        scanProperties(buffer, offset, offset + header.length, found);
        const textAt = (start: number, end: number): string | undefined =>
          start < 0 ? undefined : buffer.toString('utf8', start, end);
        const got = {
          deliveryMode: found.deliveryMode,
          priority: found.priority,
          replyTo: textAt(found.replyToStart, found.replyToEnd),
          expiration: textAt(found.expirationStart, found.expirationEnd),
          messageId: textAt(found.messageIdStart, found.messageIdEnd),
          userId: textAt(found.userIdStart, found.userIdEnd),
          timestamp: (found.flags & PROPERTY_FLAG.timestamp) !== 0,
          headersBytes: found.headersStart < 0 ? -1 : found.headersEnd - found.headersStart,
          hasCopies: found.hasCopies,
          hasXNames: found.hasXNames,
        };
        const { headers = {}, replyTo, expiration, messageId, userId } = written;
        const names = Object.keys(headers);
        expect(got).toEqual({
          deliveryMode: written.deliveryMode ?? -1,
          priority: written.priority ?? -1,
          ...{ replyTo, expiration, messageId, userId },
          timestamp: written.timestamp !== undefined,
          headersBytes: written.headers ? writeProperties({ headers }).length - 6 : -1,
          hasCopies: names.includes('CC') || names.includes('BCC'),
          hasXNames: names.some((name) => name.startsWith('x-')),
        });
      }),
    );
  });

  it('refuses what is cut off, and what is followed by more', () => {
    const header = contentHeader(FULL, 1);
    const found = new PropertiesScan();
    for (const { buffer, end } of prefixes(header)) {
      expect(refusal(() => scanProperties(buffer, 0, end, found))).toBe(502);
      expect(refusal(() => readProperties(buffer, 0, end))).toBe(502);
      expect(refusal(() => editProperties(buffer, 0, end, {}))).toBe(502);
    }
    const longer = Buffer.concat([header, Buffer.alloc(1)]);
    expect(refusal(() => scan(longer))).toBe(502);
    expect(refusal(() => read(longer))).toBe(502);
    expect(refusal(() => editProperties(longer, 0, longer.length, {}))).toBe(502);
  });

  it('refuses exactly what reading refuses', () => {
    let refused = 0;
    for (const bytes of [...mutants(contentHeader(FULL, 1)), ...mutants(GOLDEN)]) {
      const code = refusal(() => read(bytes));
      expect(refusal(() => scan(bytes))).toBe(code);
      if (code !== undefined) refused += 1;
    }
    expect(refused).toBeGreaterThan(100);
  });

  it('refuses unknown flags with 502, and another class or a weight with 505', () => {
    const with16 = (at: number, value: number): Buffer => {
      const header = contentHeader({}, 0);
      header.writeUInt16BE(value, at);
      return header;
    };
    expect(refusal(() => scan(with16(12, 1)))).toBe(502);
    expect(refusal(() => scan(with16(12, 2)))).toBe(502);
    expect(refusal(() => scan(with16(0, 50)))).toBe(505);
    expect(refusal(() => scan(with16(2, 1)))).toBe(505);
  });
});

describe('editing properties', () => {
  it('does as the same change to the properties read does', () => {
    fc.assert(
      fc.property(properties, properties, (before, changes) => {
        const header = contentHeader(before, 77);
        const { headers: _headers, ...changed } = changes;
        const edited = editProperties(header, 0, header.length, changed);
        expect(plain(read(edited))).toEqual(plain({ ...before, ...changed }));
        expect(scan(edited).bodyBytes).toBe(77);
      }),
    );
  });

  it('keeps every octet when nothing changes', () => {
    expect(editProperties(GOLDEN, 0, GOLDEN.length, {}).equals(GOLDEN)).toBe(true);
    expect(editHeaders(GOLDEN, 0, GOLDEN.length, {}).equals(GOLDEN)).toBe(true);
  });

  it('removes each property alone', () => {
    const header = contentHeader(FULL, 1);
    for (const [name] of PROPERTIES) {
      const { [name]: _removed, ...rest } = FULL;
      const edited = editProperties(header, 0, header.length, { [name]: null });
      expect(edited.equals(contentHeader(rest, 1))).toBe(true);
    }
  });

  it('adds a header table where there was none, and changes single headers where there is one', () => {
    const empty = contentHeader({ priority: 1 }, 1);
    const added = editHeaders(empty, 0, empty.length, { 'x-delivery-count': 1n });
    expect(plain(read(added))).toEqual({ headers: { 'x-delivery-count': 1 }, priority: 1 });
    const padded = Buffer.concat([Buffer.alloc(3), GOLDEN, Buffer.alloc(3)]);
    const edited = editHeaders(padded, 3, 3 + GOLDEN.length, { n: undefined, s: 'x' });
    const { headers, ...rest } = read(GOLDEN);
    expect(plain(read(edited))).toEqual(
      plain({ ...rest, headers: { ...headers, n: undefined, s: 'x' } }),
    );
  });
});

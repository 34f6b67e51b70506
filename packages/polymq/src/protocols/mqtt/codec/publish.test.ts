import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packetBytes } from './fixed-header.ts';
import { MqttError } from './mqtt-error.ts';
import type { ProtocolVersion, QoS } from './packets.ts';
import type { Properties } from './property-table.ts';
import { NO_TOPIC, PublishFrame, subscriptionIdsField, topicField } from './publish-frame.ts';
import { PublishScan, STORED_FLAG } from './publish-scan.ts';
import type { ReasonName } from './reason-codes.ts';
import {
  binaries,
  packetIds,
  peerBytes,
  peerPacket,
  peerProperties,
  properties,
  topics,
  versions,
} from './testing/peer-packets.ts';

interface Published {
  version: ProtocolVersion;
  topic: string;
  payload: Buffer;
  qos: QoS;
  retain: boolean;
  dup: boolean;
  packetId: number;
  properties: Properties<'publish'>;
}

const published: fc.Arbitrary<Published> = versions.chain((version) =>
  fc
    .record({
      version: fc.constant(version),
      topic: topics,
      payload: binaries,
      qos: fc.constantFrom<QoS>(0, 1, 2),
      retain: fc.boolean(),
      dup: fc.boolean(),
      packetId: packetIds,
      properties: version === 5 ? properties('publish', ['subscriptionIds']) : fc.constant({}),
    })
    .map((one) => (one.qos === 0 ? { ...one, dup: false, packetId: 0 } : one)),
);

function theirBytes(one: Published): Buffer {
  return peerBytes(
    {
      cmd: 'publish',
      topic: one.topic,
      payload: one.payload,
      qos: one.qos,
      retain: one.retain,
      dup: one.dup,
      ...(one.qos > 0 ? { messageId: one.packetId } : {}),
      ...(one.version === 5 ? { properties: peerProperties(one.properties) } : {}),
    },
    one.version,
  );
}

/** Somewhere in a buffer, as packets come. */
function placed(bytes: Buffer): { buffer: Buffer; start: number; end: number } {
  const buffer = Buffer.concat([Buffer.from('before'), bytes, Buffer.from('behind')]);
  return { buffer, start: 6, end: 6 + bytes.length };
}

describe('a PUBLISH of a client', () => {
  it('is scanned as mqtt-packet has meant it', () => {
    fc.assert(
      fc.property(published, (one) => {
        const { buffer, start, end } = placed(theirBytes(one));
        expect(start + packetBytes(buffer, start, end, Infinity)).toBe(end);
        const scan = new PublishScan();
        scan.scan(buffer, start, end, one.version);
        const { dup, qos, retain, packetId } = scan;
        expect({ dup, qos, retain, packetId }).toEqual({
          dup: one.dup,
          qos: one.qos,
          retain: one.retain,
          packetId: one.packetId,
        });
        expect(buffer.toString('utf8', scan.topicStart, scan.topicEnd)).toBe(one.topic);
        expect(buffer.subarray(scan.payloadStart, scan.payloadEnd)).toEqual(one.payload);
        expect(scan.topicAlias).toBe(one.properties.topicAlias ?? 0);
        expect(scan.expiryS).toBe(one.properties.messageExpiryS ?? -1);
        expect(scan.isTextPayload).toBe(one.properties.payloadFormat === 1);
      }),
    );
  });

  it('goes on to subscribers of each version with what belongs to the message', () => {
    fc.assert(
      fc.property(
        published,
        versions,
        fc.array(fc.integer({ min: 1, max: 0x0fff_ffff }), { maxLength: 3 }),
        (one, version, ids) => {
          const { buffer, start, end } = placed(theirBytes(one));
          const scan = new PublishScan();
          scan.scan(buffer, start, end, one.version);
          const stored = scan.store(buffer);
          expect(buffer[stored]).toBe(one.qos | (one.retain ? STORED_FLAG.retain : 0));
          const frame = new PublishFrame();
          Object.assign(frame, {
            version,
            qos: one.qos,
            dup: one.qos > 0,
            retain: true,
            packetId: 7,
            topic: topicField(one.topic),
            subscriptionIds: subscriptionIdsField(ids),
            topicAlias: 3,
            expiryS: 9,
            source: buffer,
            forwardedStart: stored + 1,
            payloadStart: scan.payloadStart,
            payloadEnd: scan.payloadEnd,
            more: [Buffer.from('more')],
          });
          const target = Buffer.alloc(frame.bytes + 5);
          expect(frame.write(target, 5)).toBe(target.length);
          const read = peerPacket(target.subarray(5), version);
          expect(read['payload']).toEqual(Buffer.concat([one.payload, Buffer.from('more')]));
          const { topicAlias: _, messageExpiryS: __, ...kept } = one.properties;
          expect(read).toMatchObject({ topic: one.topic, qos: one.qos, retain: true });
          expect(read['messageId']).toBe(one.qos > 0 ? 7 : undefined);
          const own = { topicAlias: 3, messageExpiryS: 9 };
          const theirs = peerProperties(ids.length === 0 ? own : { ...own, subscriptionIds: ids });
          expect(read['properties']).toEqual(
            version === 5 ? { ...peerProperties(kept), ...theirs } : undefined,
          );
        },
      ),
    );
  });

  it('keeps the properties that go on in their order, around those that do not', () => {
    const kept = ['26 0001 61 0001 31', '03 0001 74', '26 0001 61 0001 32'];
    const alias = '23 0005';
    const expiry = '02 0000003c';
    const orders = [
      [alias, expiry, ...kept],
      [...kept, expiry, alias],
      [kept[0]!, alias, kept[1]!, expiry, kept[2]!],
      [kept[0]!, expiry, kept[1]!, kept[2]!, alias],
      [kept[0]!, expiry, kept[1]!, kept[2]!],
      [kept[0]!, kept[1]!, alias, kept[2]!],
      kept,
    ];
    for (const order of orders) {
      const list = fromHex(order.join(' '));
      const head = fromHex(`0001 74 ${list.length.toString(16).padStart(2, '0')}`);
      const remaining = head.length + list.length + 1;
      const packet = Buffer.concat([Buffer.of(0x31, remaining), head, list, Buffer.from('p')]);
      const scan = new PublishScan();
      scan.scan(packet, 0, packet.length, 5);
      const stored = scan.store(packet);
      expect(packet.subarray(stored, scan.payloadStart)).toEqual(
        Buffer.concat([Buffer.of(STORED_FLAG.retain), fromHex(kept.join(' '))]),
      );
      expect(packet.toString('latin1', scan.payloadStart)).toBe('p');
    }
  });

  it('may have an alias in place of its topic', () => {
    const frame = new PublishFrame();
    frame.version = 5;
    frame.topic = NO_TOPIC;
    frame.topicAlias = 258;
    const bytes = Buffer.alloc(frame.bytes);
    frame.write(bytes, 0);
    const scan = new PublishScan();
    scan.scan(bytes, 0, bytes.length, 5);
    expect([scan.topicAlias, scan.topicEnd - scan.topicStart]).toEqual([258, 0]);
    expect(() => scan.scan(bytes, 0, bytes.length, 4)).toThrow('no topic');
  });

  it('that is cut off or damaged leads to an MqttError or to another one, and to nothing else', () => {
    fc.assert(
      fc.property(
        published,
        fc.nat(),
        fc.integer({ min: 0, max: 255 }),
        fc.boolean(),
        (one, at, byte, isCut) => {
          const whole = theirBytes(one);
          const bytes = isCut ? whole.subarray(0, 2 + (at % (whole.length - 1))) : whole;
          if (!isCut) bytes[at % bytes.length] = byte;
          try {
            const scan = new PublishScan();
            scan.scan(bytes, 0, bytes.length, one.version);
            expect(scan.payloadStart).toBeLessThanOrEqual(bytes.length);
            expect(scan.store(bytes)).toBeGreaterThan(0);
          } catch (error: unknown) {
            if (!(error instanceof MqttError)) throw error;
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('a PUBLISH that the specification forbids', () => {
  const rows: readonly (readonly [string, ProtocolVersion, string, ReasonName | 'nothing'])[] = [
    ['nothing wrong', 4, '30 03 0001 61', 'nothing'],
    ['QoS 3', 4, '36 05 0001 61 0001', 'malformedPacket'],
    ['DUP with QoS 0', 4, '38 03 0001 61', 'malformedPacket'],
    ['DUP with QoS 0 in 3.1', 3, '38 03 0001 61', 'nothing'],
    ['packet id 0', 4, '32 05 0001 61 0000', 'protocolError'],
    ['no packet id', 4, '32 04 0001 61 00', 'malformedPacket'],
    ['no topic', 4, '30 02 0000', 'protocolError'],
    ['no topic length', 4, '30 01 00', 'malformedPacket'],
    ['a topic beyond the end', 4, '30 03 0002 61', 'malformedPacket'],
    ['a wildcard +', 4, '30 05 0003 612f2b', 'topicNameInvalid'],
    ['a wildcard #', 4, '30 03 0001 23', 'topicNameInvalid'],
    ['a zero character', 4, '30 03 0001 00', 'malformedPacket'],
    ['a surrogate', 4, '30 05 0003 eda080', 'malformedPacket'],
    ['no property length', 5, '30 03 0001 61', 'malformedPacket'],
    ['a property length in long form', 5, '30 05 0001 61 8000', 'malformedPacket'],
    ['properties beyond the end', 5, '30 04 0001 61 01', 'malformedPacket'],
    ['topic alias 0', 5, '30 07 0001 61 03 230000', 'topicAliasInvalid'],
    ['two topic aliases', 5, '30 0a 0001 61 06 230001 230001', 'protocolError'],
    ['a topic alias and a content type', 5, '30 0a 0001 61 06 230001 030000', 'nothing'],
    ['two content types', 5, '30 0a 0001 61 06 030000 030000', 'protocolError'],
    ['two expiries', 5, '30 0e 0001 61 0a 0200000001 0200000001', 'protocolError'],
    ['payload format 2', 5, '30 06 0001 61 02 0102', 'protocolError'],
    ['a subscription identifier', 5, '30 06 0001 61 02 0b01', 'protocolError'],
    ['a property of another packet', 5, '30 07 0001 61 03 210001', 'malformedPacket'],
    ['an unknown property', 5, '30 06 0001 61 02 4001', 'malformedPacket'],
    ['a response topic with a wildcard', 5, '30 08 0001 61 04 080001 23', 'protocolError'],
    ['a user property that is cut off', 5, '30 0a 0001 61 06 26 0001 61 0001', 'malformedPacket'],
    [
      'a user property that is not UTF-8',
      5,
      '30 0b 0001 61 07 26 0001 ff 0001 61',
      'malformedPacket',
    ],
  ];

  it.each(rows)('%s (MQTT level %i)', (_what, version, text, reason) => {
    const bytes = fromHex(text);
    expect(packetBytes(bytes, 0, bytes.length, Infinity)).toBe(bytes.length);
    expect(reasonOf(() => new PublishScan().scan(bytes, 0, bytes.length, version))).toBe(reason);
  });

  it('has too many user properties', () => {
    const list = fromHex('26 0001 61 0001 62 '.repeat(3));
    const bytes = Buffer.concat([Buffer.of(0x30, 4 + list.length, 0, 1, 0x61, list.length), list]);
    expect(reasonOf(() => new PublishScan(3).scan(bytes, 0, bytes.length, 5))).toBe('nothing');
    expect(reasonOf(() => new PublishScan(2).scan(bytes, 0, bytes.length, 5))).toBe(
      'protocolError',
    );
  });
});

function reasonOf(act: () => void): ReasonName | 'nothing' {
  try {
    act();
    return 'nothing';
  } catch (error: unknown) {
    if (error instanceof MqttError) return error.reason;
    throw error;
  }
}

function fromHex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

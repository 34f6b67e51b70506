import fc, { type Arbitrary } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packetBytes } from './fixed-header.ts';
import { MqttError } from './mqtt-error.ts';
import type { Packet, ProtocolVersion } from './packets.ts';
import type { Properties, PropertyPlace } from './property-table.ts';
import { connectVersion } from './read-connect.ts';
import { readPacket } from './read-packet.ts';
import type { ReasonName } from './reason-codes.ts';
import {
  binaries,
  packetIds,
  peerBytes,
  peerProperties,
  properties,
  texts,
  topics,
  versions,
} from './testing/peer-packets.ts';

/** A packet as mqtt-packet takes it, and as this codec must read it. */
interface Pair {
  version: ProtocolVersion;
  theirs: object;
  ours: object;
}

const bits = fc.boolean();
const qos = fc.constantFrom(0, 1, 2);

/** Before MQTT 5 there are none. */
function propertiesOf<Place extends PropertyPlace>(
  place: Place,
  version: ProtocolVersion,
): Arbitrary<Properties<Place>> {
  return version === 5 ? properties(place) : fc.constant({});
}

const wills = (version: ProtocolVersion) =>
  fc.record({
    topic: topics,
    payload: binaries,
    qos,
    retain: bits,
    properties: propertiesOf('will', version),
  });

const connects: Arbitrary<Pair> = versions.chain((version) =>
  fc
    .record({
      clientId: texts.filter((text) => text !== ''),
      clean: bits,
      keepAliveS: fc.integer({ min: 0, max: 0xffff }),
      will: fc.option(wills(version), { nil: undefined }),
      username: fc.option(
        texts.filter((text) => text !== ''),
        { nil: undefined },
      ),
      password: fc.option(
        binaries.filter((bytes) => bytes.length > 0),
        { nil: undefined },
      ),
      properties: propertiesOf('connect', version),
    })
    .filter(({ properties: { authenticationMethod, authenticationData } }) => {
      return authenticationMethod !== undefined || authenticationData === undefined;
    })
    .map((packet) => {
      const { keepAliveS, will, password: some } = packet;
      const password = packet.username === undefined ? undefined : some;
      const theirs = {
        ...packet,
        cmd: 'connect',
        password,
        protocolVersion: version,
        protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
        keepalive: keepAliveS,
        properties: peerProperties(packet.properties),
        will: will && { ...will, properties: peerProperties(will.properties) },
      };
      const ours = {
        ...packet,
        password,
        type: 'connect',
        protocolVersion: version,
        will: will && { ...will, forwarded: expect.any(Buffer) },
      };
      return { version, theirs, ours };
    }),
);

const subscribes: Arbitrary<Pair> = versions.chain((version) =>
  fc
    .record({
      packetId: packetIds,
      properties: propertiesOf('subscribe', version),
      subscriptions: fc.array(
        fc.record({
          filter: topics,
          qos,
          noLocal: version === 5 ? bits : fc.constant(false),
          retainAsPublished: version === 5 ? bits : fc.constant(false),
          retainHandling: version === 5 ? fc.constantFrom(0, 1, 2) : fc.constant(0),
        }),
        { minLength: 1, maxLength: 10 },
      ),
    })
    .map(({ packetId, properties: mine, subscriptions }) => ({
      version,
      theirs: {
        cmd: 'subscribe',
        messageId: packetId,
        properties: peerProperties(mine),
        subscriptions: subscriptions.map((one) => ({
          topic: one.filter,
          qos: one.qos,
          nl: one.noLocal,
          rap: one.retainAsPublished,
          rh: one.retainHandling,
        })),
      },
      ours: {
        type: 'subscribe',
        packetId,
        subscriptions,
        subscriptionId: mine.subscriptionIds?.[0] ?? 0,
        properties: mine,
      },
    })),
);

const unsubscribes: Arbitrary<Pair> = versions.chain((version) =>
  fc
    .record({
      packetId: packetIds,
      properties: propertiesOf('unsubscribe', version),
      filters: fc.array(topics, { minLength: 1, maxLength: 10 }),
    })
    .map(({ packetId, properties: mine, filters }) => ({
      version,
      theirs: {
        cmd: 'unsubscribe',
        messageId: packetId,
        properties: peerProperties(mine),
        unsubscriptions: filters,
      },
      ours: { type: 'unsubscribe', packetId, filters, properties: mine },
    })),
);

const REASONS_OF = {
  puback: [0, 0x10, 0x87],
  pubrec: [0, 0x10, 0x97],
  pubrel: [0, 0x92],
  pubcomp: [0, 0x92],
} as const;

const acks: Arbitrary<Pair> = fc
  .constantFrom('puback', 'pubrec', 'pubrel', 'pubcomp')
  .chain((type) =>
    versions.chain((version) =>
      fc
        .record({
          packetId: packetIds,
          reasonCode: version === 5 ? fc.constantFrom(...REASONS_OF[type]) : fc.constant(0),
          properties: propertiesOf('puback', version),
        })
        .map(({ packetId, reasonCode, properties: mine }) => ({
          version,
          theirs: {
            cmd: type,
            messageId: packetId,
            ...(version === 5 ? { reasonCode, properties: peerProperties(mine) } : {}),
          },
          ours: { type, packetId, reasonCode, properties: mine },
        })),
    ),
  );

const disconnects: Arbitrary<Pair> = fc
  .record({
    reasonCode: fc.constantFrom(0, 4, 0x82, 0x99),
    properties: properties('disconnect', ['serverReference']),
  })
  .map(({ reasonCode, properties: mine }) => ({
    version: 5,
    theirs: { cmd: 'disconnect', reasonCode, properties: peerProperties(mine) },
    ours: { type: 'disconnect', reasonCode, properties: mine },
  }));

const auths: Arbitrary<Pair> = fc
  .record({ reasonCode: fc.constantFrom(0, 0x18, 0x19), properties: properties('auth') })
  .map(({ reasonCode, properties: mine }) => ({
    version: 5,
    theirs: { cmd: 'auth', reasonCode, properties: peerProperties(mine) },
    ours: { type: 'auth', reasonCode, properties: mine },
  }));

const bare: Arbitrary<Pair> = versions.chain((version) =>
  fc.constantFrom(
    { version, theirs: { cmd: 'pingreq' }, ours: { type: 'pingreq' } },
    {
      version,
      theirs: { cmd: 'disconnect' },
      ours: { type: 'disconnect', reasonCode: 0, properties: {} },
    },
  ),
);

const kinds = { connects, subscribes, unsubscribes, acks, disconnects, auths, bare };
const pairs = fc.oneof(...Object.values(kinds));

function readWhole(bytes: Buffer, version: ProtocolVersion): Packet {
  const total = packetBytes(bytes, 0, bytes.length, Infinity);
  expect(total).toBe(bytes.length);
  return readPacket(bytes, 0, bytes.length, version);
}

describe('packets that mqtt-packet has written', () => {
  it.each(Object.entries(kinds))('are read as they were meant: %s', (_name, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, ({ version, theirs, ours }) => {
        expect(readWhole(peerBytes(theirs, version), version)).toEqual(ours);
      }),
    );
  });

  it('are cut from a stream wherever it is torn', () => {
    fc.assert(
      fc.property(pairs, pairs, ({ version, theirs }, next) => {
        const first = peerBytes(theirs, version);
        const both = Buffer.concat([first, peerBytes(next.theirs, next.version)]);
        for (let end = 0; end <= both.length; end++) {
          const bytes = packetBytes(both, 0, end, Infinity);
          expect(bytes === 0 ? end <= 4 && end < first.length : bytes === first.length).toBe(true);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('that are cut off or damaged lead to an MqttError or to another packet, and to nothing else', () => {
    fc.assert(
      fc.property(
        pairs,
        fc.nat(),
        fc.integer({ min: 0, max: 255 }),
        bits,
        ({ version, theirs }, at, byte, isCut) => {
          const whole = peerBytes(theirs, version);
          const bytes = isCut ? whole.subarray(0, 2 + (at % (whole.length - 1))) : whole;
          if (!isCut) bytes[at % bytes.length] = byte;
          try {
            if (bytes[0]! >>> 4 !== 3) readPacket(bytes, 0, bytes.length, version);
          } catch (error: unknown) {
            if (!(error instanceof MqttError)) throw error;
          }
          connectVersion(bytes, 0, bytes.length);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

/** `hex` may have spaces. */
function refused(version: ProtocolVersion, hex: string): ReasonName | 'nothing' {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  try {
    expect(packetBytes(bytes, 0, bytes.length, 65_536)).toBe(bytes.length);
    readPacket(bytes, 0, bytes.length, version);
    return 'nothing';
  } catch (error: unknown) {
    if (error instanceof MqttError) return error.reason;
    throw error;
  }
}

const MQTT_4 = '0004 4d515454 04';
const MQTT_5 = '0004 4d515454 05';
const MQISDP = '0006 4d5149736470 03';

describe('what the specification forbids', () => {
  const rows: readonly (readonly [string, ProtocolVersion, string, ReasonName | 'nothing'])[] = [
    ['a plain CONNECT', 4, `10 0d ${MQTT_4} 02 003c 0001 61`, 'nothing'],
    [
      'a level of a later time',
      4,
      `10 0d 0004 4d515454 06 02 003c 0001 61`,
      'unsupportedProtocolVersion',
    ],
    [
      'MQIsdp of level 4',
      4,
      `10 0f 0006 4d5149736470 04 02 003c 0001 61`,
      'unsupportedProtocolVersion',
    ],
    ['another protocol', 4, `10 0d 0004 4d515455 04 02 003c 0001 61`, 'malformedPacket'],
    ['flags on a CONNECT', 4, `11 0d ${MQTT_4} 02 003c 0001 61`, 'malformedPacket'],
    ['the reserved connect flag', 4, `10 0d ${MQTT_4} 03 003c 0001 61`, 'malformedPacket'],
    ['the reserved connect flag in 3.1', 3, `10 0f ${MQISDP} 03 003c 0001 61`, 'nothing'],
    ['a password without a user', 4, `10 10 ${MQTT_4} 42 003c 0001 61 0001 62`, 'malformedPacket'],
    ['a password without a user in 5', 5, `10 11 ${MQTT_5} 42 003c 00 0001 61 0001 62`, 'nothing'],
    ['a user that is missing', 4, `10 0d ${MQTT_4} 82 003c 0001 61`, 'malformedPacket'],
    ['a user that is missing in 3.1', 3, `10 0f ${MQISDP} 82 003c 0001 61`, 'nothing'],
    ['will QoS without a will', 4, `10 0d ${MQTT_4} 0a 003c 0001 61`, 'malformedPacket'],
    ['will retain without a will', 4, `10 0d ${MQTT_4} 22 003c 0001 61`, 'malformedPacket'],
    ['will QoS 3', 4, `10 13 ${MQTT_4} 1e 003c 0001 61 0001 62 0001 63`, 'malformedPacket'],
    [
      'a will for a wildcard',
      4,
      `10 13 ${MQTT_4} 06 003c 0001 61 0001 2b 0001 63`,
      'topicNameInvalid',
    ],
    ['a will without a topic', 4, `10 12 ${MQTT_4} 06 003c 0001 61 0000 0001 63`, 'protocolError'],
    ['more than a CONNECT', 4, `10 0e ${MQTT_4} 02 003c 0001 61 00`, 'malformedPacket'],
    ['a zero character', 4, `10 0d ${MQTT_4} 02 003c 0001 00`, 'malformedPacket'],
    ['a surrogate', 4, `10 0f ${MQTT_4} 02 003c 0003 eda080`, 'malformedPacket'],
    ['bytes that are not UTF-8', 4, `10 0d ${MQTT_4} 02 003c 0001 ff`, 'malformedPacket'],
    ['an unknown property', 5, `10 10 ${MQTT_5} 02 003c 02 0500 0001 61`, 'malformedPacket'],
    [
      'a property of another packet',
      5,
      `10 11 ${MQTT_5} 02 003c 03 230001 0001 61`,
      'malformedPacket',
    ],
    ['a property twice', 5, `10 14 ${MQTT_5} 02 003c 06 220001 220001 0001 61`, 'protocolError'],
    ['receive maximum 0', 5, `10 11 ${MQTT_5} 02 003c 03 210000 0001 61`, 'protocolError'],
    ['maximum packet size 0', 5, `10 13 ${MQTT_5} 02 003c 05 2700000000 0001 61`, 'protocolError'],
    ['problem information 2', 5, `10 10 ${MQTT_5} 02 003c 02 1702 0001 61`, 'protocolError'],
    [
      'authentication data alone',
      5,
      `10 12 ${MQTT_5} 02 003c 04 16000101 0001 61`,
      'protocolError',
    ],
    ['properties beyond the packet', 5, `10 0e ${MQTT_5} 02 003c 7f 0001 61`, 'malformedPacket'],
    [
      'a long form of a property length',
      5,
      `10 0f ${MQTT_5} 02 003c 8000 0001 61`,
      'malformedPacket',
    ],
    [
      'a property cut by its length',
      5,
      `10 11 ${MQTT_5} 02 003c 02 210001 0001 61`,
      'malformedPacket',
    ],
    ['a plain SUBSCRIBE', 4, '82 06 0001 0001 61 00', 'nothing'],
    ['a SUBSCRIBE with DUP', 4, '8a 06 0001 0001 61 00', 'malformedPacket'],
    ['a SUBSCRIBE with DUP in 3.1', 3, '8a 06 0001 0001 61 00', 'nothing'],
    ['a SUBSCRIBE without flags', 4, '80 06 0001 0001 61 00', 'malformedPacket'],
    ['a SUBSCRIBE of nothing', 4, '82 02 0001', 'protocolError'],
    ['packet id 0', 4, '82 06 0000 0001 61 00', 'protocolError'],
    ['subscribing with QoS 3', 4, '82 06 0001 0001 61 03', 'protocolError'],
    ['reserved bits of 3.1.1', 4, '82 06 0001 0001 61 04', 'malformedPacket'],
    ['reserved bits of 5', 5, '82 07 0001 00 0001 61 40', 'malformedPacket'],
    ['retain handling 3', 5, '82 07 0001 00 0001 61 30', 'protocolError'],
    ['no-local on a shared one', 5, `82 10 0001 00 000a ${hex('$share/g/a')} 04`, 'protocolError'],
    ['an empty filter', 4, '82 05 0001 0000 00', 'protocolError'],
    ['subscription identifier 0', 5, '82 09 0001 02 0b00 0001 61 00', 'protocolError'],
    ['two subscription identifiers', 5, '82 0b 0001 04 0b01 0b02 0001 61 00', 'protocolError'],
    ['an UNSUBSCRIBE of nothing', 4, 'a2 02 0001', 'protocolError'],
    ['PUBREL without its flags', 4, '60 02 0001', 'malformedPacket'],
    ['a reason code that PUBACK has not', 5, '40 03 0001 92', 'protocolError'],
    ['a reason code in 3.1.1', 4, '40 03 0001 00', 'malformedPacket'],
    ['PINGREQ with something', 4, 'c0 01 00', 'malformedPacket'],
    ['a reason that only servers give', 5, 'e0 01 8b', 'protocolError'],
    ['DISCONNECT with more in 3.1.1', 4, 'e0 01 00', 'malformedPacket'],
    ['AUTH in 3.1.1', 4, 'f0 00', 'malformedPacket'],
    ['AUTH with a reason of failure', 5, 'f0 01 82', 'protocolError'],
    ['CONNACK from a client', 4, '20 02 0000', 'protocolError'],
    ['PINGRESP from a client', 4, 'd0 00', 'protocolError'],
    ['packet type 0', 4, '00 00', 'malformedPacket'],
    ['a remaining length in long form', 4, 'c0 8000', 'malformedPacket'],
    ['a remaining length of five bytes', 4, 'c0 8080808001', 'malformedPacket'],
    ['a packet above the limit', 4, '82 808004', 'packetTooLarge'],
  ];

  it.each(rows)('%s (MQTT level %i)', (_what, version, hexText, reason) => {
    expect(refused(version, hexText)).toBe(reason);
  });

  it('is a limit on user properties too, and on filters', () => {
    const userProperty = '26 0001 61 0001 62'.replaceAll(' ', '');
    const disconnect = (count: number) => {
      const length = 7 * count;
      const varint = Buffer.of((length & 0x7f) | 0x80, length >>> 7);
      const body = Buffer.concat([
        Buffer.of(0),
        varint,
        Buffer.from(userProperty.repeat(count), 'hex'),
      ]);
      const remaining = Buffer.of((body.length & 0x7f) | 0x80, body.length >>> 7);
      return Buffer.concat([Buffer.of(0xe0), remaining, body]).toString('hex');
    };
    expect(refused(5, disconnect(64))).toBe('nothing');
    expect(refused(5, disconnect(65))).toBe('protocolError');
    const filters = Buffer.alloc(3 * 10_001);
    for (let at = 0; at < filters.length; at += 3) filters.set([0, 1, 0x61], at);
    const body = Buffer.concat([Buffer.of(0, 1), filters]);
    const remaining = Buffer.of(
      (body.length & 0x7f) | 0x80,
      ((body.length >>> 7) & 0x7f) | 0x80,
      body.length >>> 14,
    );
    expect(refused(4, Buffer.concat([Buffer.of(0xa2), remaining, body]).toString('hex'))).toBe(
      'quotaExceeded',
    );
  });

  it('is answered in the version that the CONNECT names, if it names one', () => {
    const versionOf = (text: string) => {
      const bytes = Buffer.from(text.replaceAll(' ', ''), 'hex');
      return connectVersion(bytes, 0, bytes.length);
    };
    expect(versionOf(`10 0d ${MQTT_5} ff ffff`)).toBe(5);
    expect(versionOf(`10 0d ${MQTT_4} 03`)).toBe(4);
    expect(versionOf(`10 0f ${MQISDP}`)).toBe(3);
    expect(versionOf('10 0d 0004 4d515454 06')).toBeUndefined();
    expect(versionOf('10 0d 0004 4d5154')).toBeUndefined();
    expect(versionOf('c0 00 00 00 00')).toBeUndefined();
  });
});

function hex(text: string): string {
  return Buffer.from(text).toString('hex');
}

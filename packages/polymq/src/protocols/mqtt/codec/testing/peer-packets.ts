/**
 * Packets for tests, in our words, and the same in those of the npm package mqtt-packet: another codec to compare with.
 */
import fc, { type Arbitrary } from 'fast-check';
import { generate, type Packet as PeerPacket, parser } from 'mqtt-packet';
import type { ProtocolVersion } from '../packets.ts';
import {
  PROPERTIES,
  type Properties,
  type PropertyName,
  type PropertyPlace,
  type PropertyRow,
  type UserProperty,
} from '../property-table.ts';

const PEER_NAME: Readonly<Record<PropertyName, string>> = {
  payloadFormat: 'payloadFormatIndicator',
  messageExpiryS: 'messageExpiryInterval',
  contentType: 'contentType',
  responseTopic: 'responseTopic',
  correlationData: 'correlationData',
  subscriptionIds: 'subscriptionIdentifier',
  sessionExpiryS: 'sessionExpiryInterval',
  assignedClientId: 'assignedClientIdentifier',
  serverKeepAliveS: 'serverKeepAlive',
  authenticationMethod: 'authenticationMethod',
  authenticationData: 'authenticationData',
  requestProblemInfo: 'requestProblemInformation',
  willDelayS: 'willDelayInterval',
  requestResponseInfo: 'requestResponseInformation',
  responseInfo: 'responseInformation',
  serverReference: 'serverReference',
  reasonString: 'reasonString',
  receiveMax: 'receiveMaximum',
  topicAliasMax: 'topicAliasMaximum',
  topicAlias: 'topicAlias',
  qosMax: 'maximumQoS',
  retainAvailable: 'retainAvailable',
  userProperties: 'userProperties',
  packetBytesMax: 'maximumPacketSize',
  wildcardSubscriptionsAvailable: 'wildcardSubscriptionAvailable',
  subscriptionIdsAvailable: 'subscriptionIdentifiersAvailable',
  sharedSubscriptionsAvailable: 'sharedSubscriptionAvailable',
};

const ROWS = Object.entries(PROPERTIES) as readonly (readonly [PropertyName, PropertyRow])[];

/** Text without U+0000, of all lengths and kinds of characters. */
export const texts: Arbitrary<string> = fc
  .oneof(
    fc.string({ unit: 'binary' }),
    fc.string(),
    fc.string({ minLength: 60, maxLength: 140 }),
    fc.constant('ü'.repeat(200)),
  )
  .map((text) => text.replaceAll('\0', '0'));

export const binaries: Arbitrary<Buffer> = fc
  .uint8Array({ maxLength: 200 })
  .map((bytes) => Buffer.from(bytes));

/** Names of topics: not empty, without wildcards. */
export const topics: Arbitrary<string> = texts
  .map((text) => text.replace(/[+#]/g, '/'))
  .filter((text) => text !== '');

export const packetIds: Arbitrary<number> = fc.integer({ min: 1, max: 0xffff });
export const versions: Arbitrary<ProtocolVersion> = fc.constantFrom(3, 4, 5);

/** Values that mqtt-packet can write as well: it has no properties of which a name comes twice, apart from each other. */
export function properties<Place extends PropertyPlace>(
  place: Place,
  without: readonly PropertyName[] = [],
): Arbitrary<Properties<Place>> {
  const model = Object.fromEntries(
    ROWS.filter(([name, row]) => row.in.includes(place) && !without.includes(name)).map(
      ([name, row]) => [name, valuesOf(name, row)] as const,
    ),
  );
  return fc.record(model, { requiredKeys: [] }) as Arbitrary<Properties<Place>>;
}

function valuesOf(name: PropertyName, { type, rule }: PropertyRow): Arbitrary<unknown> {
  const min = rule === 'positive' ? 1 : 0;
  if (name === 'responseTopic') return topics;
  switch (type) {
    case 'byte':
      return fc.integer({ min, max: 1 });
    case 'uint16':
      return fc.integer({ min, max: 0xffff });
    case 'uint32':
      return fc.integer({ min, max: 0xffff_ffff });
    case 'varint':
      return fc
        .oneof(fc.integer({ min, max: 300 }), fc.integer({ min, max: 0x0fff_ffff }))
        .map((id) => [id]);
    case 'text':
      return texts;
    case 'bytes':
      return binaries;
    case 'pair':
      return userProperties;
  }
}

const userProperties: Arbitrary<UserProperty[]> = fc
  .uniqueArray(fc.tuple(texts, texts), { selector: ([name]) => name, maxLength: 5, minLength: 1 })
  // An object of JavaScript has its own order for names like these.
  .filter((pairs) => pairs.every(([name]) => !/^\d+$/.test(name) && name !== '__proto__'));

/** Properties as mqtt-packet names them. */
export function peerProperties(ours: object): Record<string, unknown> {
  const entries = Object.entries(ours)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [PEER_NAME[name as PropertyName], peerValue(name, value)] as const);
  return Object.fromEntries(entries);
}

function peerValue(name: string, value: unknown): unknown {
  const row = PROPERTIES[name as PropertyName] as PropertyRow;
  if (name === 'userProperties') return Object.fromEntries(value as UserProperty[]);
  if (name === 'subscriptionIds')
    return (value as number[]).length === 1 ? (value as number[])[0] : value;
  if (name === 'qosMax') return value;
  return row.type === 'byte' ? value === 1 : value;
}

/** As mqtt-packet writes it. */
export function peerBytes(packet: object, protocolVersion: ProtocolVersion): Buffer {
  return generate(packet as PeerPacket, { protocolVersion });
}

/** As mqtt-packet reads it; exactly one packet. */
export function peerPacket(
  bytes: Buffer,
  protocolVersion: ProtocolVersion,
): Record<string, unknown> {
  const packets: PeerPacket[] = [];
  const reading = parser({ protocolVersion });
  reading.on('packet', (packet) => packets.push(packet));
  reading.on('error', (error: Error) => {
    throw error;
  });
  const left = reading.parse(bytes);
  if (packets.length !== 1 || left !== 0) {
    throw new Error(`${packets.length} packets and ${left} bytes in ${bytes.toString('hex')}`);
  }
  const packet = { ...packets[0] } as Record<string, unknown>;
  // Their objects have no prototype, and say their own length.
  delete packet['length'];
  for (const part of ['properties', 'will'] as const) packet[part] = plain(packet[part]);
  if (packet['properties'] === undefined) delete packet['properties'];
  if (packet['will'] === undefined) delete packet['will'];
  return packet;
}

function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}

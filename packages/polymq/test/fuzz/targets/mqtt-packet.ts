/**
 * What an MQTT client sends, packet by packet, in the version that the first byte of the input chooses.
 *
 * The codec has several readers for the same octets; whatever one of them accepts, the others must understand in the same
 * way. What was read of a PUBLISH is stored, written for a subscriber, and must read the same again.
 */
import {
  ackPacketId,
  connectVersion,
  MqttError,
  PACKET_TYPE,
  PacketReader,
  type ProtocolVersion,
  PublishFrame,
  PublishScan,
  packetBytes,
  readPacket,
  readPropertyList,
  topicField,
  USER_PROPERTIES_MAX,
} from '../../../src/protocols/mqtt/codec/index.ts';
import { mqttFormat } from '../../../src/protocols/mqtt/message-format.ts';
import { type FuzzTarget, WrongResult } from '../target.ts';

const VERSIONS: readonly ProtocolVersion[] = [3, 4, 5];
const PACKET_BYTES_MAX = 100_000;

export function mqttPacket(): FuzzTarget {
  return {
    name: 'mqtt-packet',
    seeds,
    run: (input) => {
      const version = VERSIONS[(input[0] ?? 0) % VERSIONS.length]!;
      let at = 1;
      while (at < input.length) {
        const bytes = packetBytes(input, at, input.length, PACKET_BYTES_MAX);
        checkPrefixes(input, at, bytes);
        if (bytes === 0 || at + bytes > input.length) return;
        readOne(input, at, at + bytes, version);
        at += bytes;
      }
    },
    allows: (error) => error instanceof MqttError,
    repair: (input) => {
      // The remaining length of the first packet, if it is a short one.
      if (input.length < 3 || input.length > 129) return input;
      input[2] = input.length - 3;
      return input;
    },
    memoryBytesMax: 1 << 20,
  };
}

/** With less of a packet there is either the same length or none yet. */
function checkPrefixes(input: Buffer, start: number, bytes: number): void {
  for (let end = start; end < Math.min(start + 6, input.length); end += 1) {
    const found = packetBytes(input, start, end, PACKET_BYTES_MAX);
    if (found !== 0 && found !== bytes) {
      throw new WrongResult(`a packet of ${bytes} bytes had ${found} when less was there`);
    }
  }
}

function readOne(input: Buffer, start: number, end: number, version: ProtocolVersion): void {
  const type = input[start]! >>> 4;
  const claimed = connectVersion(input, start, end);
  if (type === PACKET_TYPE.publish) {
    publish(input, start, end, version);
    return;
  }
  const packet = readPacket(input, start, end, version);
  if (packet.type === 'connect') {
    if (claimed !== packet.protocolVersion) throw new WrongResult('two protocol versions');
    const forwarded = packet.will?.forwarded;
    if (forwarded) accepted(() => propertyList(forwarded));
  }
  const id = ackPacketId(input, start, end);
  if (id !== 0 && (!('packetId' in packet) || packet.packetId !== id)) {
    throw new WrongResult(`packet id ${id} in ${JSON.stringify(packet)}`);
  }
}

interface Seen {
  qos: number;
  retain: boolean;
  dup: boolean;
  id: number;
  alias: number;
  expiryS: number;
  topic: string;
  payload: string;
}

function publish(input: Buffer, start: number, end: number, version: ProtocolVersion): void {
  const scan = new PublishScan();
  scan.scan(input, start, end, version);
  const seen = describe(scan, input);
  if (scan.payloadEnd !== end || scan.payloadStart > end) throw new WrongResult('no whole payload');
  const packet = Buffer.from(input.subarray(start, end));
  const again = new PublishScan();
  again.scan(packet, 0, packet.length, version);
  const topic = topicField(seen.topic);
  const storedStart = again.store(packet);
  const stored = packet.subarray(storedStart, again.payloadStart);
  accepted(() => propertyList(stored.subarray(1)));
  accepted(() => mqttFormat.headers(stored));
  const neutral = accepted(() => mqttFormat.toNeutral(stored));
  accepted(() => mqttFormat.fromNeutral(neutral, 0));
  const frame = new PublishFrame();
  Object.assign(frame, { version, topic, qos: seen.qos, retain: seen.retain, dup: seen.dup });
  Object.assign(frame, { packetId: seen.id, topicAlias: seen.alias, expiryS: seen.expiryS });
  frame.source = packet;
  frame.forwardedStart = storedStart + 1;
  frame.payloadStart = again.payloadStart;
  frame.payloadEnd = packet.length;
  const written = Buffer.alloc(frame.bytes);
  if (frame.write(written, 0) !== written.length) throw new WrongResult('another size was written');
  accepted(() => again.scan(written, 0, written.length, version));
  const twice = describe(again, written);
  if (JSON.stringify(twice) !== JSON.stringify(seen)) {
    const text = `${JSON.stringify(seen)} became ${JSON.stringify(twice)}`;
    throw new WrongResult(text.slice(0, 500));
  }
}

function describe(scan: PublishScan, buffer: Buffer): Seen {
  return {
    qos: scan.qos,
    retain: scan.retain,
    dup: scan.dup,
    id: scan.packetId,
    alias: scan.topicAlias,
    expiryS: scan.expiryS,
    topic: buffer.toString('utf8', scan.topicStart, scan.topicEnd),
    payload: buffer.toString('latin1', scan.payloadStart, scan.payloadEnd),
  };
}

function propertyList(bytes: Buffer): unknown {
  const reader = new PacketReader(bytes, 0, bytes.length);
  return readPropertyList(reader, 'publish', USER_PROPERTIES_MAX);
}

function accepted<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    throw new WrongResult(`accepted, then refused: ${String(error)}`);
  }
}

function seeds(): Buffer[] {
  const text = (value: string) => {
    const bytes = Buffer.from(value);
    return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length]), bytes]);
  };
  const packet = (first: number, ...parts: (Buffer | number[])[]) => {
    const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
    const length =
      body.length < 128 ? [body.length] : [(body.length & 127) | 128, body.length >> 7];
    return Buffer.concat([Buffer.from([first, ...length]), body]);
  };
  const sized = (...parts: (Buffer | number[])[]) => {
    const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
    return Buffer.concat([Buffer.from([body.length]), body]);
  };
  const user = Buffer.concat([Buffer.from([38]), text('traceparent'), text('00-abc')]);
  const publishProperties = sized(
    [1, 1],
    [2, 0, 0, 0, 60],
    [35, 0, 3],
    Buffer.concat([Buffer.from([8]), text('reply/to')]),
    Buffer.concat([Buffer.from([9]), text('corr')]),
    user,
    user,
    Buffer.concat([Buffer.from([3]), text('text/plain')]),
  );
  const willProperties = sized([24, 0, 0, 0, 5], user);
  const v5 = [
    packet(
      0x10,
      text('MQTT'),
      [5, 0xc6, 0, 60],
      sized([17, 0, 0, 0, 9], [33, 0, 9], user),
      text('id'),
      willProperties,
      text('will'),
      text('bye'),
      text('guest'),
      text('guest'),
    ),
    packet(0x3d, text('a/b/c'), [0, 9], publishProperties, text('payload')),
    packet(0x30, text(''), sized([35, 0, 1]), text('alias')),
    packet(0x82, [0, 1], sized([11, 7], user), text('a/+/#'), [0x2e], text('$share/g/x'), [1]),
    packet(0xa2, [0, 2], sized(user), text('a/+/#')),
    packet(0x40, [0, 9, 0x10], sized(user)),
    packet(0x62, [0, 9]),
    packet(0xe0, [4], sized([17, 0, 0, 0, 1])),
    packet(0xf0, [0x18], sized(Buffer.concat([Buffer.from([21]), text('PLAIN')]))),
    packet(0xc0),
  ];
  const v4 = [
    packet(0x10, text('MQTT'), [4, 0x02, 0, 60], text('id')),
    packet(0x32, text('a/b'), [0, 1], Buffer.from('payload')),
    packet(0x82, [0, 1], text('a/#'), [2], text('é/+'), [0]),
    packet(0x50, [0, 7]),
    packet(0xe0),
  ];
  const v3 = [packet(0x10, text('MQIsdp'), [3, 0x02, 0, 60], text('id')), ...v4.slice(1)];
  const chosen = (index: number, packets: readonly Buffer[]) => [
    ...packets.map((each) => Buffer.concat([Buffer.from([index]), each])),
    Buffer.concat([Buffer.from([index]), ...packets]),
  ];
  return [...chosen(0, v3), ...chosen(1, v4), ...chosen(2, v5)];
}

/**
 * MQTT 3.1.1 as bytes, as far as a load needs it. Every client of it sends and gets these:
 *
 *   PUBLISH   3x | remaining length | topic length u16 | topic | packet id u16, QoS 1 and 2 only | payload
 *   PUBACK 40, PUBREC 50, PUBREL 62, PUBCOMP 70   | 2 | packet id u16
 */
export type Qos = 0 | 1 | 2;

export const PUBACK = 0x40;
export const PUBREC = 0x50;
export const PUBREL = 0x62;
export const PUBCOMP = 0x70;
/** Of a packet that holds nothing but an identifier. */
export const ACK_BYTES = 4;

const CLEAN = 0x02;

export function connectPacket(clientId: string, options: { clean: boolean }): Buffer {
  const flags = options.clean ? CLEAN : 0;
  return packet(0x10, text('MQTT'), Buffer.from([4, flags, ...KEEP_ALIVE]), text(clientId));
}

/** Longer than a benchmark takes. */
const KEEP_ALIVE = [0x02, 0x58];

export function subscribePacket(topic: string, qos: Qos): Buffer {
  return packet(0x82, Buffer.from([0, 1]), text(topic), Buffer.from([qos]));
}

export function publishPacket(topic: string, qos: Qos, id: number, payload: Buffer): Buffer {
  const identifier = qos === 0 ? [] : [id >>> 8, id & 0xff];
  return packet(0x30 | (qos << 1), text(topic), Buffer.from(identifier), payload);
}

export function ackPacket(type: number, id: number): Buffer {
  return Buffer.from([type, 2, id >>> 8, id & 0xff]);
}

/** Where the packet identifier stands in a PUBLISH of this topic. */
export function packetIdAt(frame: Buffer, topic: string): number {
  let at = 1;
  while ((frame[at]! & 0x80) !== 0) at += 1;
  return at + 1 + 2 + Buffer.byteLength(topic);
}

function packet(type: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length: number[] = [];
  let left = body.length;
  do {
    length.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    left >>>= 7;
  } while (left > 0);
  return Buffer.concat([Buffer.from([type, ...length]), body]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >>> 8, bytes.length & 0xff]), bytes]);
}

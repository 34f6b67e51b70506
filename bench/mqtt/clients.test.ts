import { describe, expect, it } from 'vitest';
import { payloadOf } from '../lib/live/load.ts';
import type { Reader, Wire } from '../lib/live/wire.ts';
import { AckedPublisher, AckingSubscriber } from './clients.ts';
import {
  ackPacket,
  PUBACK,
  PUBCOMP,
  PUBREC,
  PUBREL,
  packetIdAt,
  publishPacket,
} from './packets.ts';

const PAYLOAD = payloadOf(20);
const message = (id: number, qos: 1 | 2 = 1) => publishPacket('a/b', qos, id, PAYLOAD);

function fakeWire() {
  const written: Buffer[] = [];
  const socket = { write: (bytes: Buffer) => written.push(Buffer.from(bytes)) };
  return { wire: { socket } as unknown as Wire, written };
}

/** In pieces, as sockets do, with what was not used put in front of the next. */
function feed(read: Reader, bytes: Buffer, pieceBytes: number): void {
  let kept = Buffer.alloc(0);
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    kept = Buffer.concat([kept, bytes.subarray(at, at + pieceBytes)]);
    kept = Buffer.from(kept.subarray(read(kept, 0, kept.length)));
  }
  expect(kept.length).toBe(0);
}

function subscriber(qos: 1 | 2) {
  const { wire, written } = fakeWire();
  const frame = message(1, qos);
  return { reading: new AckingSubscriber(wire, qos, frame, packetIdAt(frame, 'a/b')), written };
}

describe('an MQTT subscriber of the load', () => {
  it.each([1, 7, 1000])('acknowledges messages that come in pieces of %i bytes', (piece) => {
    const { reading, written } = subscriber(1);
    feed(reading.read, Buffer.concat([1, 2, 65_535].map((id) => message(id))), piece);
    expect(reading.delivered).toBe(3);
    expect(Buffer.concat(written)).toEqual(
      Buffer.concat([1, 2, 65_535].map((id) => ackPacket(PUBACK, id))),
    );
  });

  it('goes all the way at QoS 2', () => {
    const { reading, written } = subscriber(2);
    feed(reading.read, Buffer.concat([message(5, 2), ackPacket(PUBREL, 5)]), 1000);
    expect(reading.delivered).toBe(1);
    expect(Buffer.concat(written)).toEqual(
      Buffer.concat([ackPacket(PUBREC, 5), ackPacket(PUBCOMP, 5)]),
    );
  });

  it.each([
    ['another topic', publishPacket('a/c', 1, 1, PAYLOAD)],
    ['a message that is marked as sent before', message(1).fill(0x3a, 0, 1)],
    ['a damaged payload', message(1).fill(0, 20, 21)],
    ['a DISCONNECT', Buffer.from([0xe0, 2, 0x8e, 0])],
  ])('fails when it is sent %s', (_, bytes) => {
    const { reading } = subscriber(1);
    expect(() => reading.read(bytes, 0, bytes.length)).toThrow('a subscriber was sent');
  });
});

describe('an MQTT publisher of the load', () => {
  it('counts a message of QoS 1 when it is acknowledged', () => {
    const { wire, written } = fakeWire();
    const publisher = new AckedPublisher(wire, 1, message(1), message(1).length);
    feed(publisher.read, Buffer.concat([ackPacket(PUBACK, 1), ackPacket(PUBACK, 2)]), 3);
    expect(publisher.confirmed).toBe(2);
    expect(written).toEqual([]);
  });

  it('counts a message of QoS 2 when it is complete', () => {
    const { wire, written } = fakeWire();
    const publisher = new AckedPublisher(wire, 2, message(1, 2), message(1, 2).length);
    feed(publisher.read, ackPacket(PUBREC, 1), 4);
    expect(publisher.confirmed).toBe(0);
    expect(Buffer.concat(written)).toEqual(ackPacket(PUBREL, 1));
    feed(publisher.read, ackPacket(PUBCOMP, 1), 4);
    expect(publisher.confirmed).toBe(1);
  });

  it('fails when it is sent anything else', () => {
    const publisher = new AckedPublisher(fakeWire().wire, 1, message(1), message(1).length);
    expect(() => publisher.read(message(1), 0, 24)).toThrow('a publisher was sent');
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ackPacketId, PUBACK, PUBCOMP, PUBREC, PUBREL, writeAck } from './acks.ts';
import { readPacket } from './read-packet.ts';
import { REASON, reasonMayBeIn } from './reason-codes.ts';
import {
  packetIds,
  peerBytes,
  peerPacket,
  peerProperties,
  properties,
} from './testing/peer-packets.ts';
import { connack, disconnect, PINGRESP, suback, unsuback } from './write-packet.ts';

describe('packets for clients', () => {
  it('of MQTT 5 are read by mqtt-packet as they are meant', () => {
    fc.assert(
      fc.property(properties('connack'), fc.boolean(), (mine, isPresent) => {
        expect(peerPacket(connack(5, isPresent, 0x87, { properties: mine }), 5)).toMatchObject({
          cmd: 'connack',
          sessionPresent: isPresent,
          reasonCode: 0x87,
          ...withProperties(mine),
        });
      }),
    );
    fc.assert(
      fc.property(packetIds, properties('suback'), (packetId, mine) => {
        // One type for all: they may have the same properties.
        const options = { properties: { ...mine } };
        const common = { messageId: packetId, ...withProperties(mine) };
        expect(peerPacket(suback(5, packetId, [0, 2, 0x8f], options), 5)).toMatchObject({
          cmd: 'suback',
          granted: [0, 2, 0x8f],
          ...common,
        });
        expect(peerPacket(unsuback(5, packetId, [0, 0x11], options), 5)).toMatchObject({
          cmd: 'unsuback',
          granted: [0, 0x11],
          ...common,
        });
      }),
    );
    fc.assert(
      fc.property(properties('disconnect'), (mine) => {
        expect(peerPacket(disconnect(0x8e, { properties: mine }), 5)).toMatchObject({
          cmd: 'disconnect',
          reasonCode: 0x8e,
          ...withProperties(mine),
        });
      }),
    );
  });

  it('of 3.1.1 are what mqtt-packet writes, byte for byte', () => {
    const their = (packet: object) => peerBytes(packet, 4);
    expect(connack(4, true, 0)).toEqual(
      their({ cmd: 'connack', returnCode: 0, sessionPresent: true }),
    );
    expect(suback(4, 500, [0, 1, 2, 0x8f])).toEqual(
      their({ cmd: 'suback', messageId: 500, granted: [0, 1, 2, 0x80] }),
    );
    expect(unsuback(4, 500, [0, 0x11])).toEqual(their({ cmd: 'unsuback', messageId: 500 }));
    expect(PINGRESP).toEqual(their({ cmd: 'pingresp' }));
  });

  it('refuse a CONNECT of 3.x with one of its five return codes', () => {
    const codeOf = (reason: keyof typeof REASON) => connack(4, false, REASON[reason])[3];
    expect(codeOf('unsupportedProtocolVersion')).toBe(1);
    expect(codeOf('clientIdNotValid')).toBe(2);
    expect(codeOf('serverBusy')).toBe(3);
    expect(codeOf('badUserNameOrPassword')).toBe(4);
    expect(codeOf('notAuthorized')).toBe(5);
    expect(connack(3, true, 0)).toEqual(Buffer.of(0x20, 2, 0, 0));
  });

  it('leave out what would make them too large for the client', () => {
    const mine = {
      reasonString: 'r'.repeat(50),
      userProperties: [['name', 'v'.repeat(50)]] as const,
      sessionExpiryS: 7,
    };
    const sizes = [200, 80, 20].map((packetBytesMax) => {
      const bytes = disconnect(0x8e, { properties: mine, packetBytesMax });
      expect(bytes.length).toBeLessThanOrEqual(packetBytesMax);
      return Object.keys(peerPacket(bytes, 5)['properties'] as object);
    });
    expect(sizes).toEqual([
      ['sessionExpiryInterval', 'reasonString', 'userProperties'],
      ['sessionExpiryInterval', 'reasonString'],
      ['sessionExpiryInterval'],
    ]);
  });
});

describe('short acknowledgements', () => {
  const kinds = [
    ['puback', PUBACK],
    ['pubrec', PUBREC],
    ['pubrel', PUBREL],
    ['pubcomp', PUBCOMP],
  ] as const;

  it.each(kinds)('%s is what mqtt-packet writes and reads', (cmd, first) => {
    fc.assert(
      fc.property(packetIds, (messageId) => {
        const bytes = Buffer.alloc(9);
        expect(writeAck(bytes, 5, first, messageId)).toBe(9);
        expect(bytes.subarray(5)).toEqual(peerBytes({ cmd, messageId }, 4));
        expect(ackPacketId(bytes, 5, 9)).toBe(messageId);
        expect(readPacket(bytes, 5, 9, 5)).toMatchObject({ type: cmd, packetId: messageId });
        const reasonCode = cmd === 'puback' || cmd === 'pubrec' ? 0x87 : 0x92;
        const longer = Buffer.alloc(5);
        expect(writeAck(longer, 0, first, messageId, reasonCode)).toBe(5);
        expect(peerPacket(longer, 5)).toMatchObject({ cmd, messageId, reasonCode });
        expect(ackPacketId(longer, 0, 5)).toBe(0);
      }),
      { numRuns: 20 },
    );
  });

  it('are no others, and have a packet id', () => {
    for (const hex of ['40020000', '62020000', '60020001', 'c0020001', 'b0020001']) {
      const bytes = Buffer.from(hex, 'hex');
      expect(ackPacketId(bytes, 0, 4), hex).toBe(0);
    }
  });
});

describe('reason codes', () => {
  it('stand where the table says', () => {
    expect(reasonMayBeIn(REASON.sessionTakenOver, 'disconnect')).toBe(true);
    expect(reasonMayBeIn(REASON.sessionTakenOver, 'clientDisconnect')).toBe(false);
    expect(reasonMayBeIn(REASON.disconnectWithWill, 'clientDisconnect')).toBe(true);
    expect(reasonMayBeIn(0x7f, 'disconnect')).toBe(false);
  });
});

function withProperties(mine: object): object {
  return Object.keys(mine).length === 0 ? {} : { properties: peerProperties(mine) };
}

import { describe, expect, it } from 'vitest';
import {
  acceptsProtocolHeader,
  checkFrameEnd,
  frameBytes,
  frameChannel,
  frameType,
  HEARTBEAT_FRAME,
  isProtocolHeader,
  PROTOCOL_HEADER,
} from './frame.ts';
import { isHardError, REPLY_CODE, REPLY_NAME } from './reply-code.ts';
import { refusal } from './testing/mutations.ts';
import { methodFrame } from './write-method.ts';

function header(type: number, size: number): Buffer {
  const bytes = Buffer.alloc(7);
  bytes[0] = type;
  bytes.writeUInt16BE(0x1234, 1);
  bytes.writeUInt32BE(size, 3);
  return bytes;
}

describe('frames', () => {
  it('tell their type, channel and size from 7 octets', () => {
    const bytes = Buffer.concat([Buffer.alloc(2), header(3, 4088)]);
    expect(frameType(bytes, 2)).toBe(3);
    expect(frameChannel(bytes, 2)).toBe(0x1234);
    expect(frameBytes(bytes, 2, 4096)).toBe(4096);
  });

  it('are refused with 501 when larger than frame-max, which counts header and end', () => {
    expect(refusal(() => frameBytes(header(3, 4089), 0, 4096))).toBe(501);
    expect(refusal(() => frameBytes(header(1, 0xffff_ffff), 0, 131_072))).toBe(501);
  });

  it('are of four types', () => {
    const allowed = Array.from({ length: 256 }, (_, type) => type).filter(
      (type) => refusal(() => frameBytes(header(type, 0), 0, 4096)) === undefined,
    );
    expect(allowed).toEqual([1, 2, 3, 8]);
  });

  it('end with 0xCE or are refused with 501', () => {
    const frame = Buffer.concat([Buffer.alloc(3), methodFrame(1, 'channel.open', {})]);
    const bytes = frameBytes(frame, 3, 4096);
    expect(refusal(() => checkFrameEnd(frame, 3, bytes))).toBeUndefined();
    expect(refusal(() => checkFrameEnd(frame, 3, bytes - 1))).toBe(501);
  });

  it('have a heartbeat of 8 octets', () => {
    expect(HEARTBEAT_FRAME.toString('hex')).toBe('08000000000000ce');
    expect(frameBytes(HEARTBEAT_FRAME, 0, 4096)).toBe(8);
  });
});

describe('the protocol header', () => {
  it.each([
    ['0-9-1', '414d515000000901', true],
    ['0-9, as RabbitMQ takes it too', '414d515001010009', true],
    ['0-8', '414d515001010800', false],
    ['AMQP 1.0', '414d515000010000', false],
    ['AMQP 1.0 with SASL', '414d515003010000', false],
    ['TLS', '1603010200010001', false],
  ])('of %s', (_version, hex, accepted) => {
    const bytes = Buffer.from(`ff${hex}`, 'hex');
    expect(acceptsProtocolHeader(bytes, 1)).toBe(accepted);
    expect(isProtocolHeader(bytes, 1)).toBe(hex.startsWith('414d5150'));
  });

  it('is what a client with another version is answered', () => {
    expect(PROTOCOL_HEADER.toString('hex')).toBe('414d515000000901');
  });
});

describe('reply codes', () => {
  it('are named as RabbitMQ names them in its texts', () => {
    expect(REPLY_NAME[404]).toBe('NOT_FOUND');
    expect(REPLY_NAME[406]).toBe('PRECONDITION_FAILED');
    expect(REPLY_NAME[REPLY_CODE.internalError]).toBe('INTERNAL_ERROR');
  });

  it('end the connection or only the channel', () => {
    const soft = Object.values(REPLY_CODE).filter((code) => code > 200 && !isHardError(code));
    expect(soft).toEqual([311, 312, 313, 403, 404, 405, 406]);
    expect(isHardError(530)).toBe(true);
  });
});

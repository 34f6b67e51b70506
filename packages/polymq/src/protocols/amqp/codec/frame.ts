/**
 * Frames and the protocol header (AMQP 0-9-1 §4.2.3, §4.2.2).
 *
 *   0      1         3         7           7+size
 *   ├ type ┼ channel ┼─ size ──┼─ payload ─┼ 0xCE ┤
 *    u8     u16       u32       size        u8
 *
 * `frame-max` counts all of it, so a payload has 8 octets less. A connection does not start with a frame but
 * with 8 octets that name the version: `AMQP` 0 0 9 1.
 */
import { AmqpSyntaxError } from './amqp-syntax-error.ts';
import { REPLY_CODE } from './reply-code.ts';

export const FRAME_METHOD = 1;
export const FRAME_HEADER = 2;
export const FRAME_BODY = 3;
export const FRAME_HEARTBEAT = 8;
export const FRAME_END = 0xce;

export const FRAME_HEADER_BYTES = 7;
/** Header and end octet: what a frame is longer than its payload. */
export const FRAME_OVERHEAD_BYTES = 8;
/** What every peer must accept, and what holds until `tune-ok`. */
export const FRAME_MIN_BYTES = 4096;

export const PROTOCOL_HEADER_BYTES = 8;
/** The answer to a client that wants another version, before the connection is closed. */
export const PROTOCOL_HEADER: Buffer = Buffer.from('AMQP\u0000\u0000\u0009\u0001', 'latin1');
export const HEARTBEAT_FRAME: Buffer = Buffer.from([FRAME_HEARTBEAT, 0, 0, 0, 0, 0, 0, FRAME_END]);

/** Some clients of 0-9-1 still send the header of 0-9; RabbitMQ takes it as well. */
const ALSO_ACCEPTED: Buffer = Buffer.from('AMQP\u0001\u0001\u0000\u0009', 'latin1');

/** Whether the 8 octets at `at` ask for this protocol; if not, answer `PROTOCOL_HEADER` and close. */
export function acceptsProtocolHeader(buffer: Buffer, at: number): boolean {
  return sameHeader(buffer, at, PROTOCOL_HEADER) || sameHeader(buffer, at, ALSO_ACCEPTED);
}

/** Whether the octets at `at` start with `AMQP`, which no frame does. */
export function isProtocolHeader(buffer: Buffer, at: number): boolean {
  return buffer.readUInt32BE(at) === 0x414d_5150;
}

function sameHeader(buffer: Buffer, at: number, header: Buffer): boolean {
  return buffer.compare(header, 0, PROTOCOL_HEADER_BYTES, at, at + PROTOCOL_HEADER_BYTES) === 0;
}

export function frameType(buffer: Buffer, at: number): number {
  return buffer[at]!;
}

export function frameChannel(buffer: Buffer, at: number): number {
  return (buffer[at + 1]! << 8) | buffer[at + 2]!;
}

/**
 * The size in octets of the whole frame whose first 7 octets stand at `at`; throws 501 if the type is unknown
 * or the frame is larger than `frameMax`.
 */
export function frameBytes(buffer: Buffer, at: number, frameMax: number): number {
  const type = buffer[at]!;
  if (type !== FRAME_METHOD && type !== FRAME_HEADER && type !== FRAME_BODY) {
    if (type !== FRAME_HEARTBEAT) refuse(`there is no frame type ${type}`);
  }
  const bytes = uint32At(buffer, at + 3) + FRAME_OVERHEAD_BYTES;
  if (bytes > frameMax) refuse(`a frame of ${bytes} bytes is larger than frame-max ${frameMax}`);
  return bytes;
}

/** Throws 501 unless the frame of `bytes` octets at `at` ends as it must. */
export function checkFrameEnd(buffer: Buffer, at: number, bytes: number): void {
  const octet = buffer[at + bytes - 1];
  if (octet !== FRAME_END) refuse(`a frame ends with octet ${octet} in place of ${FRAME_END}`);
}

export function uint32At(buffer: Buffer, at: number): number {
  return (
    ((buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!) >>> 0
  );
}

function refuse(message: string): never {
  throw new AmqpSyntaxError(REPLY_CODE.frameError, message);
}

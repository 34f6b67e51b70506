/**
 * Reads the methods that come by the hundred thousand a second, without making objects or strings.
 *
 *   publish   60 40 │ reserved u16 │ exchange u8+n │ routing key u8+n │ bits: mandatory, immediate
 *   ack       60 80 │ delivery tag u64 │ bits: multiple
 *   reject    60 90 │ delivery tag u64 │ bits: requeue
 *   nack     60 120 │ delivery tag u64 │ bits: multiple, requeue
 *
 * Positions are those of the payload of a method frame, `[start, end)`, ids included.
 */
import { AmqpSyntaxError } from './amqp-syntax-error.ts';
import { uint32At } from './frame.ts';
import { REPLY_CODE } from './reply-code.ts';

/** The ids in front of a payload, to be compared with `uint32At(buffer, start)`. */
export const BASIC_PUBLISH = 0x003c_0028;
export const BASIC_ACK = 0x003c_0050;
export const BASIC_REJECT = 0x003c_005a;
export const BASIC_NACK = 0x003c_0078;

const PUBLISH_NAMES_AT = 6;
const TAG_AT = 4;
const TAG_BITS_AT = 12;
const TAG_METHOD_BYTES = 13;

export class PublishScan {
  /** Exchange and routing key as two short strings, each with its length in front. */
  namesStart = 0;
  namesEnd = 0;
  /** Where the length of the routing key stands, which is where the exchange ends. */
  routingKeyAt = 0;
  mandatory = false;
  immediate = false;
}

/** Fills `scan` from a `basic.publish`; whether the names are UTF-8 is not looked at. Throws 502. */
export function scanPublish(buffer: Buffer, start: number, end: number, scan: PublishScan): void {
  const namesStart = start + PUBLISH_NAMES_AT;
  const routingKeyAt = namesStart + 1 + buffer[namesStart]!;
  const namesEnd = routingKeyAt + 1 + buffer[routingKeyAt]!;
  // Each length moves on, so one that was read behind the end cannot arrive at it; none at all is NaN.
  if (namesEnd + 1 !== end) malformed(buffer, start);
  const bits = buffer[namesEnd]!;
  scan.namesStart = namesStart;
  scan.routingKeyAt = routingKeyAt;
  scan.namesEnd = namesEnd;
  scan.mandatory = (bits & 1) !== 0;
  scan.immediate = (bits & 2) !== 0;
}

/**
 * The delivery tag of an ack, nack or reject whose payload is `[start, end)`; tags above 2^53 are rounded.
 * Throws 502 if the payload is not exactly as long as it must be, so the bits are there as well.
 */
export function tagAt(buffer: Buffer, start: number, end: number): number {
  if (end - start !== TAG_METHOD_BYTES) malformed(buffer, start);
  const low = uint32At(buffer, start + TAG_AT + 4);
  const high = uint32At(buffer, start + TAG_AT);
  return high === 0 ? low : high * 0x1_0000_0000 + low;
}

/** The bits behind that tag: 1 is `multiple`, or `requeue` of a reject; 2 is `requeue` of a nack. */
export function tagBitsAt(buffer: Buffer, start: number): number {
  return buffer[start + TAG_BITS_AT]!;
}

function malformed(buffer: Buffer, start: number): never {
  const methodId = uint32At(buffer, start) & 0xffff;
  const message = `the arguments of method ${methodId} in class 60 are malformed`;
  throw new AmqpSyntaxError(REPLY_CODE.syntaxError, message, 60, methodId);
}

/**
 * Writes the frames that go out by the hundred thousand a second into memory that the caller owns.
 *
 * Every function writes at `at`, returns the position behind, and trusts the caller that there is room (the
 * `…Bytes` functions say how much). Positional numbers in place of option objects: nothing is allocated.
 *
 *   deliver  type 1 │ channel │ size │ 60 60 │ consumer tag u8+n │ tag u64 │ redelivered │ exchange │ key │ 0xCE
 *            ├────────── prefix, made once a consumer ──────────┤                       ├─ as stored ─┤
 *
 * Exchange and routing key are copied as one range `[namesStart, namesEnd)` of two short strings with their
 * lengths, which is how `basic.publish` brings them and how a message at rest keeps them.
 */
import { Copier } from '../../../lib/bytes/copier.ts';
import {
  FRAME_BODY,
  FRAME_END,
  FRAME_HEADER,
  FRAME_HEADER_BYTES,
  FRAME_METHOD,
  FRAME_OVERHEAD_BYTES,
} from './frame.ts';
import { shortText } from './utf8.ts';

/** Contents and names mostly come from the same memory for long. */
const copier = new Copier();
const TAG_BYTES = 8;
/** The whole frame of an ack or nack. */
export const ACK_BYTES = 21;
export const NACK_BYTES = 21;

/** The octets that open every delivery to a consumer: frame header with size 0, ids, consumer tag. */
export function deliverPrefix(channel: number, consumerTag: string): Buffer {
  const tag = Buffer.from(consumerTag);
  const prefix = Buffer.allocUnsafe(FRAME_HEADER_BYTES + 5 + tag.length);
  writeMethodStart(prefix, 0, channel, 60);
  prefix[11] = tag.length;
  prefix.set(tag, 12);
  return prefix;
}

export function deliverBytes(prefix: Buffer, namesBytes: number): number {
  return prefix.length + TAG_BYTES + 1 + namesBytes + 1;
}

/** `basic.deliver`, with the names from `source`. */
export function writeDeliver(
  target: Buffer,
  at: number,
  prefix: Buffer,
  deliveryTag: number,
  redelivered: boolean,
  source: Buffer,
  namesStart: number,
  namesEnd: number,
): number {
  target.set(prefix, at);
  let next = writeTag(target, at + prefix.length, deliveryTag);
  target[next++] = redelivered ? 1 : 0;
  next = copier.copy(source, namesStart, namesEnd, target, next);
  return endFrame(target, at, next);
}

export function getOkBytes(namesBytes: number): number {
  return FRAME_OVERHEAD_BYTES + 4 + TAG_BYTES + 1 + namesBytes + 4;
}

/** `basic.get-ok`; the caller writes the content behind it. */
export function writeGetOk(
  target: Buffer,
  at: number,
  channel: number,
  deliveryTag: number,
  redelivered: boolean,
  source: Buffer,
  namesStart: number,
  namesEnd: number,
  messageCount: number,
): number {
  let next = writeMethodStart(target, at, channel, 71);
  next = writeTag(target, next, deliveryTag);
  target[next++] = redelivered ? 1 : 0;
  next = copier.copy(source, namesStart, namesEnd, target, next);
  next = writeUint32(target, next, messageCount);
  return endFrame(target, at, next);
}

/** The reply code and text of a `basic.return`, made once a reason. */
export function returnReason(replyCode: number, replyText: string): Buffer {
  const text = Buffer.from(shortText(replyText));
  const head = Buffer.from([replyCode >> 8, replyCode & 0xff, text.length]);
  return Buffer.concat([head, text]);
}

export function returnBytes(reason: Buffer, namesBytes: number): number {
  return FRAME_OVERHEAD_BYTES + 4 + reason.length + namesBytes;
}

/** `basic.return`; the caller writes the content behind it. */
export function writeReturn(
  target: Buffer,
  at: number,
  channel: number,
  reason: Buffer,
  source: Buffer,
  namesStart: number,
  namesEnd: number,
): number {
  let next = writeMethodStart(target, at, channel, 50);
  target.set(reason, next);
  next += reason.length;
  next = copier.copy(source, namesStart, namesEnd, target, next);
  return endFrame(target, at, next);
}

/** `basic.ack`: a publisher confirm. */
export function writeAck(
  target: Buffer,
  at: number,
  channel: number,
  deliveryTag: number,
  multiple: boolean,
): number {
  return writeConfirm(target, at, channel, 80, deliveryTag, multiple);
}

/** `basic.nack`: a publish that was not taken. */
export function writeNack(
  target: Buffer,
  at: number,
  channel: number,
  deliveryTag: number,
  multiple: boolean,
): number {
  return writeConfirm(target, at, channel, 120, deliveryTag, multiple);
}

function writeConfirm(
  target: Buffer,
  at: number,
  channel: number,
  methodId: number,
  deliveryTag: number,
  multiple: boolean,
): number {
  let next = writeMethodStart(target, at, channel, methodId);
  next = writeTag(target, next, deliveryTag);
  target[next++] = multiple ? 1 : 0;
  return endFrame(target, at, next);
}

/** The 7 octets in front of a payload of `bytes`. */
export function writeFrameHeader(
  target: Buffer,
  at: number,
  type: number,
  channel: number,
  bytes: number,
): number {
  target[at] = type;
  target[at + 1] = channel >> 8;
  target[at + 2] = channel;
  return writeUint32(target, at + 3, bytes);
}

/** Frame header with size 0, and the ids of a method of class 60. */
function writeMethodStart(target: Buffer, at: number, channel: number, methodId: number): number {
  const next = writeFrameHeader(target, at, FRAME_METHOD, channel, 0);
  target[next] = 0;
  target[next + 1] = 60;
  target[next + 2] = 0;
  target[next + 3] = methodId;
  return next + 4;
}

/** Fills in the size of the frame that starts at `start` and closes it. */
function endFrame(target: Buffer, start: number, at: number): number {
  target[at] = FRAME_END;
  writeUint32(target, start + 3, at - start - FRAME_HEADER_BYTES);
  return at + 1;
}

function writeTag(target: Buffer, at: number, tag: number): number {
  const high = tag > 0xffff_ffff ? Math.floor(tag / 0x1_0000_0000) : 0;
  // The low word of a larger number is what a bitwise operation leaves of it.
  return writeUint32(target, writeUint32(target, at, high), tag);
}

function writeUint32(target: Buffer, at: number, value: number): number {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
  return at + 4;
}

/**
 * The size of header and body frames of a content whose stored form is `storedBytes` long (content header,
 * frame end, header of a body frame, body) and whose body has `bodyBytes`.
 */
export function contentBytes(storedBytes: number, bodyBytes: number, frameMax: number): number {
  const frames = Math.ceil(bodyBytes / (frameMax - FRAME_OVERHEAD_BYTES));
  // Without its body, the stored form is as long as the header frame: it lacks 7 octets, and has 7 others.
  return storedBytes + frames * FRAME_OVERHEAD_BYTES;
}

/**
 * Header frame and body frames of a message as it is stored in `[start, end)` of `source`, the last
 * `bodyBytes` of which are the body:
 *
 *   [content header │ 0xCE │ 3 channel=0 size │ body]
 *
 * What stands between is what goes between the payloads on the wire, so a body that fits one frame is one
 * copy and the channel patched in.
 */
export function writeContent(
  target: Buffer,
  at: number,
  channel: number,
  source: Buffer,
  start: number,
  end: number,
  bodyBytes: number,
  frameMax: number,
): number {
  const bodyStart = end - bodyBytes;
  const headerBytes = bodyStart - start - FRAME_OVERHEAD_BYTES;
  let next = writeFrameHeader(target, at, FRAME_HEADER, channel, headerBytes);
  if (bodyBytes === 0) {
    return copier.copy(source, start, start + headerBytes + 1, target, next);
  }
  const payloadMax = frameMax - FRAME_OVERHEAD_BYTES;
  const first = Math.min(bodyBytes, payloadMax);
  copier.copy(source, start, bodyStart + first, target, next);
  next += headerBytes + 1;
  writeFrameHeader(target, next, FRAME_BODY, channel, first);
  next += FRAME_HEADER_BYTES + first;
  target[next++] = FRAME_END;
  for (let from = bodyStart + first; from < end; from += payloadMax) {
    const bytes = Math.min(payloadMax, end - from);
    next = writeFrameHeader(target, next, FRAME_BODY, channel, bytes);
    source.copy(target, next, from, from + bytes);
    next += bytes;
    target[next++] = FRAME_END;
  }
  return next;
}

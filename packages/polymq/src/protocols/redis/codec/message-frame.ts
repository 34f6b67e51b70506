/**
 * What subscribers are sent for a message: a head that depends on the kind of subscription, and a tail that all have in
 * common, which is also the tail of the PUBLISH request.
 *
 *   *3 $7 message                     $4 news  $2 hi        SUBSCRIBE, RESP2
 *   >3 $7 message                     $4 news  $2 hi        SUBSCRIBE, RESP3
 *   *4 $8 pmessage  $6 new*.*         $4 news  $2 hi        PSUBSCRIBE
 *   *3 $8 smessage                    $4 news  $2 hi        SSUBSCRIBE
 *   *3 $7 PUBLISH                     $4 news  $2 hi        the request
 */
import { Copier } from '../../../lib/bytes/copier.ts';
import { numberLineBytes, writeNumberLine } from './numbers.ts';
import type { RespVersion } from './reply.ts';

export type MessageKind = 'message' | 'pmessage' | 'smessage';

const DOLLAR = 36;

/** `pattern`: for `pmessage`, as it was subscribed to. */
export function messageHead(kind: MessageKind, version: RespVersion, pattern?: Buffer): Buffer {
  const type = version === 2 ? '*' : '>';
  if (pattern === undefined) return Buffer.from(`${type}3\r\n$${kind.length}\r\n${kind}\r\n`);
  const start = Buffer.from(`${type}4\r\n$${kind.length}\r\n${kind}\r\n$${pattern.length}\r\n`);
  return Buffer.concat([start, pattern, Buffer.from('\r\n')]);
}

/** The bytes of the tail. */
export function tailBytes(channelBytes: number, bodyBytes: number): number {
  const headers = numberLineBytes(channelBytes) + numberLineBytes(bodyBytes);
  return headers + channelBytes + bodyBytes + 4;
}

const copier = new Copier();

/** Writes the tail up to the body, whose bytes and a line end must follow, and returns the position behind. */
export function writeTailStart(
  target: Buffer,
  at: number,
  channel: { names: Buffer; start: number; end: number },
  bodyBytes: number,
): number {
  const { names, start, end } = channel;
  let next = writeNumberLine(target, at, DOLLAR, end - start);
  next = copier.copy(names, start, end, target, next);
  target[next] = 13;
  target[next + 1] = 10;
  return writeNumberLine(target, next + 2, DOLLAR, bodyBytes);
}

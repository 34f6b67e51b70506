/**
 * Finds, in the content header of a message, what the broker itself acts on; the rest stays as it is.
 *
 * One object is filled again and again, nothing is allocated, and no property is decoded. Ranges are
 * positions in the buffer that was scanned, -1 where the property is absent. The header table is checked as
 * well, so that whatever is stored can be read by whoever gets it.
 */
import { uint32At } from './frame.ts';
import { bodySizeAt, checkContentHeader, LIST_AT, PROPERTY_FLAG, refuse } from './property-list.ts';
import { checkHeaders, HAS_COPIES, HAS_X_NAMES } from './scan-table.ts';

export class PropertiesScan {
  /** The size of the body that follows, as the header claims. */
  bodyBytes = 0;
  /** Bits of `PROPERTY_FLAG`: which properties are there. */
  flags = 0;
  /** The entries of the header table; its length is the 4 octets in front. */
  headersStart = -1;
  headersEnd = -1;
  /** -1 where absent. */
  deliveryMode = -1;
  /** -1 where absent. */
  priority = -1;
  /** Text, without the length in front, as in all ranges below. */
  replyToStart = -1;
  replyToEnd = -1;
  expirationStart = -1;
  expirationEnd = -1;
  messageIdStart = -1;
  messageIdEnd = -1;
  userIdStart = -1;
  userIdEnd = -1;
  /** Whether the header table has an entry `CC` or `BCC`. */
  hasCopies = false;
  /** Whether a name in the header table starts with `x-`. */
  hasXNames = false;
}

/** The end of the short string at `at`. */
function afterText(buffer: Buffer, at: number, end: number): number {
  // Behind the end stands another octet of the frame, or nothing; either way the sum is refused.
  const next = at + 1 + buffer[at]!;
  if (!(next <= end)) refuse(`a property at byte ${at} is cut off`);
  return next;
}

/**
 * Fills `scan` from the content header `[start, end)`: the payload of a header frame. Throws
 * `AmqpSyntaxError`, 502 or 505, and leaves `scan` undefined, if it is malformed.
 */
export function scanProperties(
  buffer: Buffer,
  start: number,
  end: number,
  scan: PropertiesScan,
): void {
  const flags = checkContentHeader(buffer, start, end);
  scan.flags = flags;
  scan.bodyBytes = bodySizeAt(buffer, start);
  let at = start + LIST_AT;
  if ((flags & PROPERTY_FLAG.contentType) !== 0) at = afterText(buffer, at, end);
  if ((flags & PROPERTY_FLAG.contentEncoding) !== 0) at = afterText(buffer, at, end);
  at = scanHeaders(buffer, at, end, scan);
  scan.deliveryMode = -1;
  if ((flags & PROPERTY_FLAG.deliveryMode) !== 0)
    scan.deliveryMode = at < end ? buffer[at++]! : cut(at);
  scan.priority = -1;
  if ((flags & PROPERTY_FLAG.priority) !== 0) scan.priority = at < end ? buffer[at++]! : cut(at);
  scanTexts(buffer, at, end, scan);
}

function scanHeaders(buffer: Buffer, at: number, end: number, scan: PropertiesScan): number {
  scan.headersStart = -1;
  scan.headersEnd = -1;
  scan.hasCopies = false;
  scan.hasXNames = false;
  if ((scan.flags & PROPERTY_FLAG.headers) === 0) return at;
  const entries = at + 4;
  // A length that is cut off reads as some number; even 0 ends behind the end.
  const next = entries + uint32At(buffer, at);
  if (next > end) cut(at);
  const seen = checkHeaders(buffer, entries, next);
  scan.headersStart = entries;
  scan.headersEnd = next;
  scan.hasCopies = (seen & HAS_COPIES) !== 0;
  scan.hasXNames = (seen & HAS_X_NAMES) !== 0;
  return next;
}

/** From the correlation id on. */
function scanTexts(buffer: Buffer, from: number, end: number, scan: PropertiesScan): void {
  const flags = scan.flags;
  let at = from;
  scan.replyToStart = scan.replyToEnd = -1;
  scan.expirationStart = scan.expirationEnd = -1;
  scan.messageIdStart = scan.messageIdEnd = -1;
  scan.userIdStart = scan.userIdEnd = -1;
  if ((flags & PROPERTY_FLAG.correlationId) !== 0) at = afterText(buffer, at, end);
  if ((flags & PROPERTY_FLAG.replyTo) !== 0) {
    scan.replyToStart = at + 1;
    scan.replyToEnd = at = afterText(buffer, at, end);
  }
  if ((flags & PROPERTY_FLAG.expiration) !== 0) {
    scan.expirationStart = at + 1;
    scan.expirationEnd = at = afterText(buffer, at, end);
  }
  if ((flags & PROPERTY_FLAG.messageId) !== 0) {
    scan.messageIdStart = at + 1;
    scan.messageIdEnd = at = afterText(buffer, at, end);
  }
  if ((flags & PROPERTY_FLAG.timestamp) !== 0) at += 8;
  if ((flags & PROPERTY_FLAG.type) !== 0) at = afterText(buffer, at, end);
  if ((flags & PROPERTY_FLAG.userId) !== 0) {
    scan.userIdStart = at + 1;
    scan.userIdEnd = at = afterText(buffer, at, end);
  }
  if ((flags & PROPERTY_FLAG.appId) !== 0) at = afterText(buffer, at, end);
  if ((flags & PROPERTY_FLAG.clusterId) !== 0) at = afterText(buffer, at, end);
  if (at !== end) refuse(`properties end at byte ${at}, their frame at byte ${end}`);
}

function cut(at: number): never {
  return refuse(`a property at byte ${at} is cut off`);
}

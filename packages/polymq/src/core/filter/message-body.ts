/** A message's body as filters look at it: read once, whatever the number of filters. */

/** Larger ones match no filter of bodies. SNS has no larger messages. */
export const FILTER_BODY_BYTES_MAX: number = 1024 * 1024;
/** What is nested deeper is no body to filter by, as with AWS. */
const DEPTH_MAX = 1000;
const OPEN_BRACE = 0x7b;

export interface MessageBody {
  readonly value: object;
  /** A name in it has a dot: `{"a.b": 1}` is found at the same path as `{"a": {"b": 1}}`. */
  readonly dotted: boolean;
}

/** Undefined if it is no JSON object: then it matches nothing. */
export function readMessageBody(bytes: Buffer): MessageBody | undefined {
  if (bytes.length > FILTER_BODY_BYTES_MAX || !beginsObject(bytes)) return undefined;
  try {
    const value = JSON.parse(bytes.toString('utf8')) as object;
    return { value, dotted: hasDottedNames(value) };
  } catch {
    return undefined;
  }
}

/** Most bodies that are no objects need not be read to know. */
function beginsObject(bytes: Buffer): boolean {
  for (const byte of bytes) {
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)
      return byte === OPEN_BRACE;
  }
  return false;
}

/** Throws a `RangeError` if it is nested too deep. */
function hasDottedNames(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (depth > DEPTH_MAX) throw new RangeError('nested too deep');
  let dotted = false;
  if (Array.isArray(value)) {
    for (const element of value) if (hasDottedNames(element, depth + 1)) dotted = true;
    return dotted;
  }
  // What JSON makes inherits nothing that is enumerable.
  for (const name in value) {
    if (name.includes('.')) dotted = true;
    if (hasDottedNames((value as Record<string, unknown>)[name], depth + 1)) dotted = true;
  }
  return dotted;
}

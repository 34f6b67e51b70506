/**
 * How names map to the file system.
 *
 *   orders/0  ->  logs/orders%2F0/00000000000000000000.log     segment: 20 digits of its base offset
 *                                 00000000000000000000.index   its sparse index
 *                                 <16 hex>-<20 digits>.start   identity and start of the log
 *
 * A log's name is percent-encoded. What is longer than a file name may be is split into nested folders;
 * a folder that goes on ends in `%~`, which no encoded name does.
 */
export const SEGMENT_SUFFIX = '.log';
export const INDEX_SUFFIX = '.index';
const CONTINUED = '%~';
/** Far below the 255 bytes that file systems allow, which leaves room for suffixes. */
const PART_LENGTH_MAX = 200;

export function segmentFileName(baseOffset: number): string {
  return String(baseOffset).padStart(20, '0') + SEGMENT_SUFFIX;
}

/** The base offset in a segment's file name, or `undefined` if it is no such name. */
export function parseSegmentFileName(name: string): number | undefined {
  return /^[0-9]{20}\.log$/.test(name) ? Number(name.slice(0, 20)) : undefined;
}

export function indexPathOf(segmentPath: string): string {
  return segmentPath.slice(0, -SEGMENT_SUFFIX.length) + INDEX_SUFFIX;
}

/** The folders, one in another, that stand for `name`. */
export function encodeName(name: string): string[] {
  if (name === '') throw new RangeError('a log needs a name');
  const encoded = encodeURIComponent(name).replace(/^\.|[*]/g, (character) =>
    character === '.' ? '%2E' : '%2A',
  );
  const parts: string[] = [];
  let at = 0;
  while (encoded.length - at > PART_LENGTH_MAX) {
    parts.push(encoded.slice(at, at + PART_LENGTH_MAX) + CONTINUED);
    at += PART_LENGTH_MAX;
  }
  parts.push(encoded.slice(at));
  return parts;
}

/** True if the folder holds only the next part of longer names. */
export function isContinued(part: string): boolean {
  return part.endsWith(CONTINUED);
}

/** The name that `encodeName` gave these parts, or `undefined` if they come from elsewhere. */
export function decodeName(parts: readonly string[]): string | undefined {
  const encoded = parts
    .map((part) => (isContinued(part) ? part.slice(0, -CONTINUED.length) : part))
    .join('');
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}

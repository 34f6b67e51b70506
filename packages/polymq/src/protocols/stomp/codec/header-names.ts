/**
 * Names of headers that mean something to the broker, numbered, so that the hot path looks into small arrays instead of
 * maps of text. A name is found by a hash of its length, its first and its last octet.
 */
const NAMES = [
  'accept-version',
  'ack',
  'amqp-message-id',
  'app-id',
  'content-encoding',
  'content-length',
  'content-type',
  'correlation-id',
  'destination',
  'expiration',
  'heart-beat',
  'host',
  'id',
  'login',
  'message-id',
  'passcode',
  'persistent',
  'prefetch-count',
  'priority',
  'receipt',
  'redelivered',
  'reply-to',
  'requeue',
  'subscription',
  'timestamp',
  'transaction',
  'type',
  'user-id',
  'x-delay',
] as const;

export type HeaderName = (typeof NAMES)[number];

/** The number of each name; 0 is every name that is not among them. */
export const HEADER: Readonly<Record<HeaderName, number>> = Object.fromEntries(
  NAMES.map((name, index) => [name, index + 1]),
) as Record<HeaderName, number>;

export const HEADER_IDS: number = NAMES.length + 1;

const SLOTS = 256;
const slots: { id: number; bytes: Buffer }[][] = Array.from({ length: SLOTS }, () => []);

/** Of the name `buffer[start, end)`, which is not empty. */
export function nameHash(buffer: Buffer, start: number, end: number): number {
  return (end - start) * 31 + buffer[start]! * 7 + buffer[end - 1]!;
}

for (const name of NAMES) {
  const bytes = Buffer.from(name);
  const hash = nameHash(bytes, 0, bytes.length);
  slots[hash & (SLOTS - 1)]!.push({ id: HEADER[name], bytes });
}

/** The number of the name `buffer[start, end)` whose hash is given. */
export function headerIdOf(buffer: Buffer, start: number, end: number, hash: number): number {
  const candidates = slots[hash & (SLOTS - 1)]!;
  for (const { id, bytes } of candidates) {
    if (bytes.length !== end - start) continue;
    let at = 0;
    while (at < bytes.length && bytes[at] === buffer[start + at]) at += 1;
    if (at === bytes.length) return id;
  }
  return 0;
}

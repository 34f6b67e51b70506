/** The headers that the SDK itself writes. They survive every driver; other programs may read them. */
export const HEADER = {
  /** How many attempts failed before this copy was made; the engine's own redeliveries come on top. */
  attempts: 'polymq-attempts',
  /** What the attempts failed with, newest first: JSON, a list of `{ at, name, message }`. */
  errors: 'polymq-errors',
  /** Set on a dead letter: the queue it died in. */
  deadQueue: 'polymq-dead-queue',
  /** Set on a dead letter: why. */
  deadReason: 'polymq-dead-reason',
  /** Set on a dead letter: when, ms since the epoch. */
  deadAt: 'polymq-dead-at',
  /** How often it was moved back from a dead-letter queue. */
  redriven: 'polymq-redriven',
  /** When it is due, ms since the epoch, where the engine can only approximate a delay. */
  due: 'polymq-due',
  /** When its own time to live ends, ms since the epoch; for the copies that are made of it. */
  expires: 'polymq-expires',
  /** The version of the message's contract. */
  version: 'polymq-version',
  /** The key by which messages are ordered, where the engine has no place for it. */
  key: 'polymq-key',
} as const;

export const RESERVED_PREFIX = 'polymq-';

/** What belongs to one life of a message in one queue: it is not forwarded, and a sender cannot set it. */
const OF_ONE_LIFE: ReadonlySet<string> = new Set([
  HEADER.attempts,
  HEADER.errors,
  HEADER.deadQueue,
  HEADER.deadReason,
  HEADER.deadAt,
  HEADER.redriven,
  HEADER.due,
  HEADER.expires,
  HEADER.key,
]);

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});

/** With the end of its life, for a message that has one. */
export function withExpiry(
  headers: Readonly<Record<string, string>>,
  ttlMs: number,
  nowMs: number,
): Readonly<Record<string, string>> {
  return { ...headers, [HEADER.expires]: String(Math.ceil(nowMs + ttlMs)) };
}

export function isOfOneLife(name: string): boolean {
  return OF_ONE_LIFE.has(name);
}

/** Without those that `drop` is true for; the same object if there are none. */
export function withoutHeaders(
  headers: Readonly<Record<string, string>>,
  drop: (name: string) => boolean,
): Readonly<Record<string, string>> {
  const names = Object.keys(headers);
  if (names.length === 0) return NO_HEADERS;
  if (!names.some(drop)) return headers;
  const rest: Record<string, string> = {};
  for (const name of names) if (!drop(name)) rest[name] = headers[name]!;
  return rest;
}

/** What an application sees of them. */
export function applicationHeaders(
  headers: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return withoutHeaders(headers, (name) => name.startsWith(RESERVED_PREFIX));
}

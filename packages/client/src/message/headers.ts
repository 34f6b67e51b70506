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
  /** The version of the message's contract. */
  version: 'polymq-version',
  /** The key by which messages are ordered, where the engine has no place for it. */
  key: 'polymq-key',
} as const;

/**
 * Every error that the SDK throws, in one table: a closed set of codes, so that a `switch` over them can be complete.
 * What an engine reports is mapped to one of them by its driver, with the original error as `cause`.
 */
interface ErrorRow {
  /** What it means, for `docs/reference/sdk-errors.md`. */
  doc: string;
  /** Whether the same call may succeed later without anything being changed by hand. */
  retryable: boolean;
}

export const CLIENT_ERRORS = {
  'access-refused': {
    doc: 'The engine refuses these credentials, or the right to do this.',
    retryable: false,
  },
  closed: { doc: 'The client, consumer or subscription has been closed.', retryable: false },
  'decryption-failed': {
    doc: 'A message cannot be decrypted: the key is unknown or wrong, or bytes were changed.',
    retryable: false,
  },
  disconnected: {
    doc: 'The connection was lost, and what was sent may or may not have been stored.',
    retryable: true,
  },
  'declared-otherwise': {
    doc: 'The queue or topic exists with other properties than the ones asked for.',
    retryable: false,
  },
  'engine-failed': {
    doc: 'The engine reported something that has no code of its own; see `cause`.',
    retryable: true,
  },
  'idempotency-conflict': {
    doc: 'Another run with the same idempotency key is under way.',
    retryable: true,
  },
  'incompatible-contract': {
    doc: 'A message contract changed in a way that older readers or messages do not survive.',
    retryable: false,
  },
  'invalid-argument': { doc: 'An argument or option has no meaning here.', retryable: false },
  'invalid-message': {
    doc: 'The data does not match the contract of the message, or cannot be decoded.',
    retryable: false,
  },
  'lease-lost': {
    doc: 'The message belongs to another consumer by now: its lease ended or the connection was lost.',
    retryable: false,
  },
  'message-too-large': { doc: 'The engine takes no message of that size.', retryable: false },
  'missing-package': {
    doc: 'A driver or adapter needs a package that is not installed.',
    retryable: false,
  },
  'no-responder': { doc: 'Nobody serves the requests of that service now.', retryable: true },
  'not-found': { doc: 'There is no queue, topic, group or stream of that name.', retryable: false },
  'queue-full': { doc: 'The queue is at its limit and rejects more messages.', retryable: true },
  'request-failed': {
    doc: 'The responder answered with an error; its name and text are in the message.',
    retryable: false,
  },
  'saga-failed': { doc: 'A saga met an event that its state does not allow.', retryable: false },
  'signature-invalid': {
    doc: 'A message is not signed, or its signature is of another key or other bytes.',
    retryable: false,
  },
  'storage-full': { doc: 'The engine has no room on its disk.', retryable: true },
  timeout: { doc: 'No answer within the time allowed.', retryable: true },
  unsupported: { doc: 'The engine cannot do what was asked for.', retryable: false },
  'version-conflict': {
    doc: 'Somebody else has appended to the stream, or changed the state, in the meantime.',
    retryable: true,
  },
} as const satisfies Record<string, ErrorRow>;

export type ClientErrorCode = keyof typeof CLIENT_ERRORS;

/** What every failure of the SDK is. The message says what happened, to what, and what to do next. */
export class PolymqError extends Error {
  readonly code: ClientErrorCode;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;

  constructor(code: ClientErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PolymqError';
    this.code = code;
    this.retryable = CLIENT_ERRORS[code].retryable;
  }
}

/** The engine lacks a capability. Thrown when a queue or topic is declared, never later without need. */
export class UnsupportedError extends PolymqError {
  /** As people call it: `RabbitMQ`. */
  readonly engine: string;
  readonly capability: string;

  constructor(engine: string, capability: string, advice: string) {
    super('unsupported', `${engine} does not support ${capability}: ${advice}`);
    this.name = 'UnsupportedError';
    this.engine = engine;
    this.capability = capability;
  }
}

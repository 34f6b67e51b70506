/** What Kafka and its client library report, in the words of the SDK. */
import { type Advice, advisedError } from '../../driver/advised-error.ts';
import { type ClientErrorCode, PolymqError } from '../../errors.ts';

/** Kafka's own names of errors (`protocol/errors`), to codes. What is not here is `engine-failed`. */
const CODES: Readonly<Record<string, ClientErrorCode>> = {
  UNKNOWN_TOPIC_OR_PARTITION: 'not-found',
  UNKNOWN_TOPIC_ID: 'not-found',
  INCONSISTENT_TOPIC_ID: 'not-found',
  GROUP_ID_NOT_FOUND: 'not-found',
  MESSAGE_TOO_LARGE: 'message-too-large',
  RECORD_LIST_TOO_LARGE: 'message-too-large',
  TOPIC_AUTHORIZATION_FAILED: 'access-refused',
  GROUP_AUTHORIZATION_FAILED: 'access-refused',
  CLUSTER_AUTHORIZATION_FAILED: 'access-refused',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 'access-refused',
  SASL_AUTHENTICATION_FAILED: 'access-refused',
  UNSUPPORTED_SASL_MECHANISM: 'access-refused',
  INVALID_TOPIC_EXCEPTION: 'invalid-argument',
  INVALID_PARTITIONS: 'invalid-argument',
  INVALID_REPLICATION_FACTOR: 'invalid-argument',
  INVALID_CONFIG: 'invalid-argument',
  INVALID_REQUEST: 'invalid-argument',
  INVALID_TIMESTAMP: 'invalid-message',
  INVALID_GROUP_ID: 'invalid-argument',
  POLICY_VIOLATION: 'invalid-argument',
  NON_EMPTY_GROUP: 'invalid-argument',
  INVALID_RECORD: 'invalid-message',
  CORRUPT_MESSAGE: 'engine-failed',
  KAFKA_STORAGE_ERROR: 'storage-full',
  REQUEST_TIMED_OUT: 'timeout',
  UNSUPPORTED_VERSION: 'unsupported',
};

/** The same call may succeed in a moment, and Kafka says that it was not carried out. */
const PASSING: ReadonlySet<string> = new Set([
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_OR_FOLLOWER',
  'REPLICA_NOT_AVAILABLE',
  'NETWORK_EXCEPTION',
  'REQUEST_TIMED_OUT',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR',
  'NOT_CONTROLLER',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'CONCURRENT_TRANSACTIONS',
]);

/** Errors of the library that say nothing about Kafka's answer. */
const LIBRARY_CODES: Readonly<Record<string, ClientErrorCode>> = {
  PLT_KFK_AUTHENTICATION: 'access-refused',
  PLT_KFK_NETWORK: 'disconnected',
  PLT_KFK_TIMEOUT: 'timeout',
  PLT_KFK_UNSUPPORTED_API: 'unsupported',
};

interface AnyError {
  code?: unknown;
  apiId?: unknown;
  message?: unknown;
  errors?: unknown;
  cause?: unknown;
}

/** Every error in the tree, the outermost first. */
function* within(error: unknown, depth = 0): Generator<AnyError> {
  if (typeof error !== 'object' || error === null || depth > 8) return;
  const any = error as AnyError;
  yield any;
  if (Array.isArray(any.errors)) for (const inner of any.errors) yield* within(inner, depth + 1);
  yield* within(any.cause, depth + 1);
}

/** The name of Kafka's error, such as `REBALANCE_IN_PROGRESS`; undefined if Kafka did not answer. */
export function kafkaErrorOf(error: unknown): string | undefined {
  for (const { apiId } of within(error)) if (typeof apiId === 'string') return apiId;
  return undefined;
}

/** The connection failed or no answer came: what was asked for may have been done. */
export function isUnanswered(error: unknown): boolean {
  if (kafkaErrorOf(error) !== undefined) return false;
  for (const { code } of within(error)) {
    if (code === 'PLT_KFK_AUTHENTICATION') return false;
    if (code === 'PLT_KFK_NETWORK' || code === 'PLT_KFK_TIMEOUT') return true;
  }
  return false;
}

/** Whether the same call is worth another try. */
export function isPassing(error: unknown): boolean {
  const name = kafkaErrorOf(error);
  return name === undefined ? isUnanswered(error) : PASSING.has(name);
}

/** Whether Kafka's error of this name passes by itself. */
export function isPassingName(name: string): boolean {
  return PASSING.has(name);
}

/** `what` is the call that failed: `publish to "orders"`. */
export function asPolymqError(error: unknown, what: string): PolymqError {
  if (error instanceof PolymqError) return error;
  const text = `${what} failed: ${reasonOf(error)}`;
  return advisedError(codeOf(error), text, { advice: ADVICE, cause: error });
}

const ADVICE: Advice = {
  disconnected: 'check the addresses of the brokers and whether they run',
  'access-refused': 'check user, password and SASL mechanism, and the ACLs of the user',
  'storage-full': 'look into the log of the broker',
};

/** From the name of Kafka's error alone. */
export function namedError(name: string, what: string, detail?: string | null): PolymqError {
  const text =
    detail === undefined || detail === null || detail === '' ? name : `${name}, ${detail}`;
  return new PolymqError(CODES[name] ?? 'engine-failed', `${what} failed: ${text}`);
}

function codeOf(error: unknown): ClientErrorCode {
  const name = kafkaErrorOf(error);
  if (name !== undefined) return CODES[name] ?? 'engine-failed';
  let found: ClientErrorCode | undefined;
  for (const { code, message } of within(error)) {
    if (typeof message === 'string' && message.startsWith('Unknown topic ')) return 'not-found';
    const mapped = typeof code === 'string' ? LIBRARY_CODES[code] : undefined;
    if (mapped === 'access-refused') return mapped;
    found ??= mapped;
  }
  return found ?? 'engine-failed';
}

function reasonOf(error: unknown): string {
  const name = kafkaErrorOf(error);
  if (name !== undefined) return name;
  let last = String(error);
  for (const { message } of within(error)) if (typeof message === 'string') last = message;
  return last;
}

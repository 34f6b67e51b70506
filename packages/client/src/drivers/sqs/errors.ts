/**
 * What SQS and SNS answer instead of doing what they were asked, as errors of this SDK. Names come in two spellings: those of the JSON protocol
 * (`QueueDoesNotExist`) and those of the Query protocol (`AWS.SimpleQueueService.NonExistentQueue`).
 */
import { type ClientErrorCode, PolymqError } from '../../errors.ts';

/** By the last part of the name, without `Exception`. */
const CODES: Readonly<Record<string, ClientErrorCode>> = {
  AccessDenied: 'access-refused',
  AuthorizationError: 'access-refused',
  CredentialsProviderError: 'access-refused',
  ExpiredToken: 'access-refused',
  IncompleteSignature: 'access-refused',
  InvalidClientTokenId: 'access-refused',
  InvalidSignature: 'access-refused',
  KmsAccessDenied: 'access-refused',
  MissingAuthenticationToken: 'access-refused',
  OptInRequired: 'access-refused',
  SignatureDoesNotMatch: 'access-refused',
  UnrecognizedClient: 'access-refused',
  NonExistentQueue: 'not-found',
  NotFound: 'not-found',
  QueueDoesNotExist: 'not-found',
  QueueNameExists: 'declared-otherwise',
  QueueAlreadyExists: 'declared-otherwise',
  MessageNotInflight: 'lease-lost',
  ReceiptHandleIsInvalid: 'lease-lost',
  BatchRequestTooLong: 'message-too-large',
  InvalidAttributeName: 'invalid-argument',
  InvalidAttributeValue: 'invalid-argument',
  InvalidMessageContents: 'invalid-argument',
  InvalidParameter: 'invalid-argument',
  InvalidParameterValue: 'invalid-argument',
  MissingParameter: 'invalid-argument',
  ValidationError: 'invalid-argument',
  OverLimit: 'queue-full',
  UnsupportedOperation: 'unsupported',
};

/** The engine is there and asks for patience. */
const THROTTLED: ReadonlySet<string> = new Set([
  'InternalError',
  'InternalFailure',
  'KmsThrottled',
  'RequestThrottled',
  'ServiceUnavailable',
  'SlowDown',
  'Throttled',
  'Throttling',
  'ThrottlingException',
  'TooManyRequests',
]);

const CONNECTION: ReadonlySet<string> = new Set([
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
  'UND_ERR_SOCKET',
]);

interface AwsError extends Error {
  readonly code?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** What to do about a failed request. */
export type FailureKind = 'connection' | 'busy' | 'final';

export function failureKind(error: unknown): FailureKind {
  const { code, name, $metadata } = asError(error);
  if (typeof code === 'string' && CONNECTION.has(code)) return 'connection';
  if (name === 'TimeoutError' || /socket hang up/.test(asError(error).message)) return 'connection';
  const status = $metadata?.httpStatusCode ?? 0;
  return isBusy(name) || status >= 500 || status === 429 ? 'busy' : 'final';
}

/** Of an entry of a batch: whether it is worth sending again. */
export function isBusy(code: string): boolean {
  return THROTTLED.has(shortName(code));
}

export function sqsError(action: string, target: string, error: unknown): PolymqError {
  if (error instanceof PolymqError) return error;
  const { name, message } = asError(error);
  return new PolymqError(
    codeOf(name, message, error),
    `${action} of ${target}: ${message || name}`,
    {
      cause: error,
    },
  );
}

/** Of one entry of a batch that failed. */
export function entryError(
  action: string,
  target: string,
  failure: { readonly Code?: string | undefined; readonly Message?: string | undefined },
): PolymqError {
  const { Code = 'unknown', Message = '' } = failure;
  const code = codeOf(Code, Message, undefined);
  return new PolymqError(code, `${action} of ${target}: ${Message || Code} (${Code})`);
}

function codeOf(name: string, message: string, error: unknown): ClientErrorCode {
  if (/must be shorter than|message too long|too large/i.test(message)) return 'message-too-large';
  const code = CODES[shortName(name)];
  if (code !== undefined) return code === 'invalid-argument' ? narrower(message) : code;
  if (error !== undefined && failureKind(error) === 'connection') return 'disconnected';
  return 'engine-failed';
}

/** SQS says some things only in the text of `InvalidParameterValue`. */
function narrower(message: string): ClientErrorCode {
  return /receipt handle|not available for visibility|MessageNotInflight/i.test(message)
    ? 'lease-lost'
    : 'invalid-argument';
}

function shortName(name: string): string {
  const last = name.slice(Math.max(name.lastIndexOf('.'), name.lastIndexOf('#')) + 1);
  return last.replace(/(?:Exception|_Exception)$/, '');
}

function asError(error: unknown): AwsError {
  return error instanceof Error ? error : new Error(String(error));
}

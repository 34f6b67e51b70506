/** What Redis and node-redis report, in the words of the SDK. */
import { type Advice, advisedError } from '../../driver/advised-error.ts';
import { type ClientErrorCode, PolymqError } from '../../errors.ts';

const REFUSED = /^(NOAUTH|WRONGPASS|NOPERM|DENIED|-DENIED)|invalid password|without any password/i;
const DISCONNECTED: ReadonlySet<string> = new Set([
  'SocketClosedUnexpectedlyError',
  'DisconnectsClientError',
  'ClientOfflineError',
  'ClientClosedError',
  'AbortError',
]);

export function isRefusal(error: unknown): boolean {
  return REFUSED.test((error as Error | undefined)?.message ?? '');
}

/** `what` is the call that failed. */
export function asPolymqError(error: unknown, what: string): PolymqError {
  if (error instanceof PolymqError) return error;
  const { message = String(error) } = error as Error;
  const text = `${what} failed: ${message}`;
  return advisedError(codeOf(error), text, { advice: ADVICE, cause: error });
}

const ADVICE: Advice = {
  disconnected: 'check the address and whether Redis runs',
  'access-refused': 'check user and password, and what the user may do (ACL LIST)',
  'queue-full': 'Redis is out of memory (maxmemory)',
  'storage-full': 'Redis cannot save; look into its log',
};

function codeOf(error: unknown): ClientErrorCode {
  const { name, message = '', code } = error as Error & { code?: string };
  if (isRefusal(error)) return 'access-refused';
  if (message.startsWith('OOM')) return 'queue-full';
  if (message.startsWith('MISCONF')) return 'storage-full';
  if (name.includes('Timeout')) return 'timeout';
  if (DISCONNECTED.has(name) || DISCONNECTED.has((error as Error).constructor.name)) {
    return 'disconnected';
  }
  return code?.startsWith('E') === true ? 'disconnected' : 'engine-failed';
}

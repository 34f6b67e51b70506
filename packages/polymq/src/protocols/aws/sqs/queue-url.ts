/** Queue URLs: `<origin>/<account>/<name>`. Only the name is looked at when one comes back. */
import type { Queue } from '../../../core/queue/queue.ts';
import { parseArn } from '../arn.ts';
import type { AwsCall } from '../call.ts';
import { AwsError } from '../wire/index.ts';
import type { SqsContext } from './context.ts';

/** Nearly all: there is nothing to take off, and nothing is escaped. */
const PLAIN_URL = /^[^?#%]*\/([\w.-]+)$/;

export function queueUrl(name: string, { origin, accountId }: AwsCall): string {
  return `${origin}/${accountId}/${encodeURIComponent(name)}`;
}

/** The name in a URL of any origin; a name alone will do too. */
export function queueNameOf(url: string): string {
  const plain = PLAIN_URL.exec(url)?.[1];
  if (plain !== undefined) return plain;
  const path = url.split(/[?#]/, 1)[0]!;
  const end = path.endsWith('/') ? path.length - 1 : path.length;
  const name = path.slice(path.lastIndexOf('/', end - 1) + 1, end);
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** The queue that a request is about. Throws `QueueDoesNotExist`. */
export function queueOf({ broker }: Pick<SqsContext, 'broker'>, url: string): Queue {
  return queueNamed(broker, queueNameOf(url));
}

export function queueNamed(broker: SqsContext['broker'], name: string): Queue {
  const queue = broker.queues.get('', name);
  if (queue !== undefined && isVisible(queue)) return queue;
  throw new AwsError('QueueDoesNotExist', 'The specified queue does not exist.');
}

/** Internal queues, and those that belong to one connection of another protocol, are nobody's to see. */
export function isVisible({ name, definition }: Queue): boolean {
  return !definition.exclusive && !name.startsWith('amq.');
}

/** The queue of an ARN; undefined if there is none. */
export function queueOfArn(
  { broker }: Pick<SqsContext, 'broker'>,
  arn: unknown,
): Queue | undefined {
  const parsed = typeof arn === 'string' ? parseArn(arn) : undefined;
  if (parsed?.service !== 'sqs') return undefined;
  const queue = broker.queues.get('', parsed.resource);
  return queue !== undefined && isVisible(queue) ? queue : undefined;
}

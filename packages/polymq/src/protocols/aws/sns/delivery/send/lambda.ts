/**
 * Deliveries to functions: the event that Lambda makes of a message of SNS, posted to where the operator says that the function
 * is (`sns.lambdaEndpoints`). An endpoint without a path of its own is asked as Lambda's own API is:
 * `/2015-03-31/functions/NAME/invocations`.
 */

import { parseArn } from '../../../arn.ts';
import type { MessageAttributes } from '../../../message/attributes.ts';
import { attributesOf } from '../../../message/format.ts';
import type { Notification } from '../../envelope.ts';
import type { Delivery, Failure, Sender } from '../delivery.ts';
import { isFailure, type Post, type PostAnswer, statusFailure } from '../post.ts';
import { type EnvelopeParts, notificationOf } from './envelope-of.ts';

/** Functions are waited for: only then it is known whether they have failed. */
const FUNCTION_TIMEOUT_MS = 60_000;
const ANY_FUNCTION = '*';

export interface LambdaParts extends EnvelopeParts {
  readonly post: Post;
  readonly endpoints: ReadonlyMap<string, string>;
}

export function lambdaSender(parts: LambdaParts): Sender {
  return {
    async render(delivery) {
      return JSON.stringify(eventOf(delivery, await notificationOf(parts, delivery)));
    },
    async send({ subscription }, body) {
      const url = functionUrl(parts.endpoints, subscription.endpoint);
      if (url === undefined) return NOT_CONFIGURED;
      const answer = await parts.post({
        url,
        headers: {
          'content-type': 'application/json',
          'x-amz-invocation-type': 'RequestResponse',
        },
        body,
        trusted: true,
        timeoutMs: FUNCTION_TIMEOUT_MS,
      });
      return isFailure(answer) ? answer : (statusFailure(answer.status) ?? functionFailure(answer));
    },
  };
}

const NOT_CONFIGURED: Failure = {
  retry: false,
  code: 'ResourceNotFoundException',
  message: 'no endpoint is configured for the function (sns.lambdaEndpoints)',
};

/** Where the function is invoked; undefined if that is not configured. */
export function functionUrl(
  endpoints: ReadonlyMap<string, string>,
  functionArn: string,
): string | undefined {
  const [kind, name = '', qualifier] = (parseArn(functionArn)?.resource ?? '').split(':');
  if (kind !== 'function' || name === '') return undefined;
  const endpoint = endpoints.get(name) ?? endpoints.get(ANY_FUNCTION);
  if (endpoint === undefined || !URL.canParse(endpoint)) return undefined;
  const url = new URL(endpoint);
  if (url.pathname === '/') {
    url.pathname = `/2015-03-31/functions/${encodeURIComponent(name)}/invocations`;
    if (qualifier !== undefined && url.search === '') url.searchParams.set('Qualifier', qualifier);
  }
  return url.href;
}

/** Its members are named as Lambda names them, which is not quite as the envelope does. */
function eventOf({ subscription, message }: Delivery, notification: Notification): object {
  return {
    Records: [
      {
        EventSource: 'aws:sns',
        EventVersion: '1.0',
        EventSubscriptionArn: subscription.arn,
        Sns: {
          Type: notification.Type,
          MessageId: notification.MessageId,
          ...(notification.SequenceNumber !== undefined && {
            SequenceNumber: notification.SequenceNumber,
          }),
          TopicArn: notification.TopicArn,
          Subject: notification.Subject ?? null,
          Message: notification.Message,
          Timestamp: notification.Timestamp,
          SignatureVersion: notification.SignatureVersion,
          Signature: notification.Signature,
          SigningCertUrl: notification.SigningCertURL,
          UnsubscribeUrl: notification.UnsubscribeURL,
          MessageAttributes: eventAttributes(attributesOf(message.properties.attributes)),
        },
      },
    ],
  };
}

function eventAttributes(attributes: MessageAttributes): object {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, { DataType, StringValue, BinaryValue }]) => [
      name,
      { Type: DataType, Value: StringValue ?? BinaryValue ?? '' },
    ]),
  );
}

/** A function that has thrown: Lambda says so in a header, its runtime emulator in the body alone. */
function functionFailure(answer: PostAnswer): Failure | undefined {
  const kind = answer.header('x-amz-function-error');
  if (kind === undefined && !isErrorReport(answer.body)) return undefined;
  return {
    retry: true,
    code: kind ?? 'Unhandled',
    message: 'the function answered with an error',
  };
}

function isErrorReport(body: string): boolean {
  // Most answers are none: they need not be parsed.
  if (!body.includes('"errorType"') || !body.includes('"errorMessage"')) return false;
  try {
    const report = JSON.parse(body) as Record<string, unknown> | null;
    return typeof report?.['errorType'] === 'string' && typeof report['errorMessage'] === 'string';
  } catch {
    return false;
  }
}

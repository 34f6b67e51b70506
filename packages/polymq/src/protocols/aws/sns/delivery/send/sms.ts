/** SMS: posted as JSON to the operator's webhook (`sns.smsWebhook`), which knows a carrier. */
import type { MessageAttribute } from '../../../message/attributes.ts';
import { attributesOf } from '../../../message/format.ts';
import { bodyFor, type PublishedMessage } from '../../envelope.ts';
import type { Failure, Sender } from '../delivery.ts';
import { isFailure, type Post, statusFailure } from '../post.ts';
import { type EnvelopeParts, notificationOf } from './envelope-of.ts';

export interface SmsParts extends EnvelopeParts {
  readonly post: Post;
  readonly webhook: string;
}

/** What the webhook gets. */
export interface SmsRequest {
  phoneNumber: string;
  message: string;
  messageId: string;
  attributes: Readonly<Record<string, MessageAttribute>>;
}

export function smsSender(parts: SmsParts): Sender {
  return {
    async render(delivery) {
      return JSON.stringify(await notificationOf(parts, delivery));
    },
    send: ({ subscription, message }) => postSms(parts, subscription.endpoint, message),
  };
}

export async function postSms(
  { post, webhook }: Pick<SmsParts, 'post' | 'webhook'>,
  phoneNumber: string,
  message: PublishedMessage,
): Promise<Failure | undefined> {
  if (webhook === '') return NOT_CONFIGURED;
  const { messageId, attributes } = message.properties;
  const request: SmsRequest = {
    phoneNumber,
    message: bodyFor(message, 'sms'),
    messageId,
    attributes: attributesOf(attributes),
  };
  const answer = await post({
    url: webhook,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
    trusted: true,
  });
  return isFailure(answer) ? answer : statusFailure(answer.status);
}

const NOT_CONFIGURED: Failure = {
  retry: false,
  code: 'NotConfigured',
  message: 'no webhook for SMS is configured (sns.smsWebhook)',
};

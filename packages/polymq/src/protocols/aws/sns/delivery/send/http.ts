/** Deliveries to http and https endpoints: a POST of the envelope, or of the body alone where the subscription is raw. */
import { bodyFor } from '../../envelope.ts';
import { isRaw, type Subscription } from '../../subscription.ts';
import type { Failure, Sender } from '../delivery.ts';
import { isFailure, type Post, statusFailure } from '../post.ts';
import { type EnvelopeParts, notificationOf } from './envelope-of.ts';

export const TEXT_TYPE = 'text/plain; charset=UTF-8';

export type HttpMessageType =
  | 'Notification'
  | 'SubscriptionConfirmation'
  | 'UnsubscribeConfirmation';

export interface HttpMessage {
  type: HttpMessageType;
  messageId: string;
  contentType: string;
  body: string;
}

export function httpSender(parts: EnvelopeParts & { readonly post: Post }): Sender {
  return {
    async render(delivery) {
      const { subscription, message } = delivery;
      if (isRaw(subscription)) return bodyFor(message, subscription.protocol);
      return JSON.stringify(await notificationOf(parts, delivery));
    },
    send: ({ subscription, message, policy }, body) =>
      postMessage(parts.post, subscription, {
        type: 'Notification',
        messageId: message.properties.messageId,
        contentType: policy.requestPolicy.headerContentType,
        body,
      }),
  };
}

/** Posts a message of SNS to the subscription's endpoint. */
export async function postMessage(
  post: Post,
  subscription: Subscription,
  { type, messageId, contentType, body }: HttpMessage,
): Promise<Failure | undefined> {
  const known = type !== 'SubscriptionConfirmation';
  const raw = type === 'Notification' && isRaw(subscription);
  const answer = await post({
    url: subscription.endpoint,
    headers: {
      'content-type': contentType,
      'user-agent': 'Amazon Simple Notification Service Agent',
      'x-amz-sns-message-type': type,
      'x-amz-sns-message-id': messageId,
      'x-amz-sns-topic-arn': subscription.topicArn,
      ...(known && { 'x-amz-sns-subscription-arn': subscription.arn }),
      ...(raw && { 'x-amz-sns-rawdelivery': 'true' }),
    },
    body,
    trusted: false,
  });
  return isFailure(answer) ? answer : statusFailure(answer.status);
}

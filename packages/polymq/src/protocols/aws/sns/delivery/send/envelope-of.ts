import type { SubscriptionsView } from '../../delivery-port.ts';
import { type EnvelopeOptions, type Notification, renderNotification } from '../../envelope.ts';
import type { SnsSigner } from '../../signing/signer.ts';
import { signatureVersionOf } from '../../topic-attributes.ts';
import type { Delivery } from '../delivery.ts';

export interface EnvelopeParts {
  readonly signer: SnsSigner;
  readonly view: SubscriptionsView;
}

/** The envelope of a message for the subscriber of its delivery. */
export function notificationOf(parts: EnvelopeParts, delivery: Delivery): Promise<Notification> {
  const { subscription, message } = delivery;
  const options: EnvelopeOptions = {
    origin: subscription.origin,
    subscriptionArn: subscription.arn,
    protocol: subscription.protocol,
    signatureVersion: signatureVersionOf(parts.view.topicAttributes(subscription.topicName)),
    signer: parts.signer,
  };
  return renderNotification(message, options);
}

/**
 * What topics and subscriptions ask of the workers that deliver to http(s), lambda, email and sms, and what those see of
 * the rest. Implemented in `delivery/`.
 *
 *   publish ──► exchange ──► queue amq.sns.<subscription id> ──► worker ──► endpoint
 *
 * The queue is durable, and declared before `start` is called. Messages in it have format 2 (`message/properties.ts`).
 * With a FIFO topic its setting `groups` is true. A worker acknowledges what it has delivered, and puts what it gives up
 * into the subscription's dead-letter queue (`RedrivePolicy`) first, if there is one.
 */
import type { Broker } from '../../../core/broker.ts';
import type { Environment } from '../../../lib/environment/environment.ts';
import type { Logger } from '../../../lib/logger.ts';
import type { AwsOptions } from '../options.ts';
import type { PublishedMessage } from './envelope.ts';
import type { SnsSigner } from './signing/signer.ts';
import type { Subscription } from './subscription.ts';

export interface DeliveryWorkers {
  /** The subscription is confirmed and its queue is there. Also called when its attributes have changed. */
  start(subscription: Subscription): void;
  /** Deliveries end; what is under way may finish. The queue is deleted right after. Unknown ids are no error. */
  stop(id: string): void;
  /** Sends the request to confirm (http, https: `SubscriptionConfirmation`; email: a mail with the link). Tries again as for messages. */
  confirm(subscription: Subscription, token: string): void;
  /** Tells an http(s) endpoint that its subscription has ended (`UnsubscribeConfirmation`); the token restores it. */
  ended(subscription: Subscription, token: string): void;
  /** Posts an SMS that was published to a number instead of a topic. Resolves when the webhook has it. */
  sendSms(phoneNumber: string, message: PublishedMessage): Promise<void>;
  /** Ends all; resolves when nothing is under way any more. */
  close(): Promise<void>;
}

export interface DeliveryContext {
  readonly broker: Broker;
  readonly environment: Environment;
  readonly logger: Logger;
  readonly options: AwsOptions;
  readonly signer: SnsSigner;
  readonly view: SubscriptionsView;
}

/** What workers may look at. */
export interface SubscriptionsView {
  subscription(id: string): Subscription | undefined;
  /** Attributes of the topic as they were set, such as `DeliveryPolicy`, `DisplayName`, `SignatureVersion`. */
  topicAttributes(topicName: string): Readonly<Record<string, string>>;
}

import type { DeclaredValues } from '../../../core/queue/queue-definition.ts';

export const SUBSCRIPTION_PROTOCOLS = [
  'sqs',
  'http',
  'https',
  'lambda',
  'email',
  'email-json',
  'sms',
  'kafka',
  'amqp',
] as const;

export type SubscriptionProtocol = (typeof SUBSCRIPTION_PROTOCOLS)[number];

/** Who gets what is published to a topic. Never changed: another one takes its place when its attributes are set. */
export interface Subscription {
  /** A UUID: the last part of the ARN. */
  readonly id: string;
  readonly arn: string;
  readonly topicName: string;
  readonly topicArn: string;
  /** `Topic.id`. */
  readonly topicId: string;
  readonly protocol: SubscriptionProtocol;
  readonly endpoint: string;
  readonly ownerId: string;
  /** Where the subscriber reached this broker, such as `http://broker:9324`: URLs in deliveries begin with it. */
  readonly origin: string;
  /** As they were set: `RawMessageDelivery`, `FilterPolicy`, `FilterPolicyScope`, `DeliveryPolicy`, `RedrivePolicy`, … */
  readonly attributes: Readonly<Record<string, string>>;
  /** Nothing is delivered before. */
  readonly confirmed: boolean;
  /** The confirmation was a signed call, or none was needed. */
  readonly authenticated: boolean;
  /** The confirmation was signed, and asked that only signed calls may end the subscription. */
  readonly unsubscribeSigned: boolean;
  /** What the endpoint must show to confirm, or has shown; empty where nothing is asked. */
  readonly token: string;
  /** When it was made, or has ended, ms since the epoch. */
  readonly sinceMs: number;
  /** It has ended, and is kept for some days for its token, which restores it. */
  readonly ended: boolean;
}

/** Whether the endpoint gets the message as it is, without an envelope. */
export function isRaw(subscription: Subscription): boolean {
  return subscription.attributes['RawMessageDelivery'] === 'true';
}

/** Protocols whose messages wait in a queue of their own for a worker to deliver them. */
export function isDelivered(protocol: SubscriptionProtocol): boolean {
  return protocol !== 'sqs' && protocol !== 'kafka' && protocol !== 'amqp';
}

/** The queue that its deliveries wait in, in the namespace ''. */
export function deliveryQueueName(id: string): string {
  return `amq.sns.${id}`;
}

/** As it is stored, under `aws/subscription/<id>`. */
export function subscriptionDocument(subscription: Subscription): DeclaredValues {
  const { id: _, ...document } = subscription;
  return document;
}

export function storedSubscription(id: string, document: DeclaredValues): Subscription {
  return { ...(document as unknown as Omit<Subscription, 'id'>), id };
}

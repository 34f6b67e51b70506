/**
 * The attributes of a subscription: which there are, and which values they may have. They are kept as texts; an empty one takes
 * the attribute away.
 */
import type { Broker } from '../../../core/broker.ts';
import { parseArn } from '../arn.ts';
import { isFifoName } from '../sqs/sqs-queue.ts';
import {
  checkedSubscriptionPolicy,
  effectiveSubscriptionPolicy,
} from './delivery/policy/effective-policy.ts';
import { invalidParameter } from './errors.ts';
import { checkFilterPolicy, type FilterScope } from './filter-policy.ts';
import { parseObject } from './json-value.ts';
import type { Subscription, SubscriptionProtocol } from './subscription.ts';
import type { AttributeTexts } from './topic-attributes.ts';

/** What the values may depend on. */
export interface SubscriptionFacts {
  readonly broker: Broker;
  readonly protocol: SubscriptionProtocol;
  readonly fifoTopic: boolean;
  /** The attributes all together, as they will be. */
  readonly all: AttributeTexts;
}

type Check = (text: string, facts: SubscriptionFacts) => string;

const HTTP: readonly SubscriptionProtocol[] = ['http', 'https'];

const CHECKS: Readonly<Record<string, Check>> = {
  RawMessageDelivery: (text) => {
    if (/^(true|false)$/i.test(text)) return text.toLowerCase();
    throw invalidParameter(`RawMessageDelivery: Invalid value [${text}]. Must be true or false.`);
  },
  FilterPolicy: (text, { all }) => {
    if (text === '' || text === '{}') return '';
    checkFilterPolicy(text, scopeOf(all));
    return text;
  },
  FilterPolicyScope: (text) => {
    if (text === 'MessageAttributes' || text === 'MessageBody') return text;
    throw invalidParameter(
      `FilterPolicyScope: Invalid value [${text}]. Please use either MessageBody or MessageAttributes`,
    );
  },
  DeliveryPolicy: (text, { protocol }) => {
    if (text === '') return '';
    if (!HTTP.includes(protocol)) throw invalidParameter('DeliveryPolicy: for http and https only');
    return checkedSubscriptionPolicy(text);
  },
  RedrivePolicy: checkRedrive,
  SubscriptionRoleArn: (text) => text,
  ReplayPolicy: (text) => {
    if (text === '') return '';
    throw invalidParameter(
      'ReplayPolicy',
      'this broker keeps no archive of topics; subscribe a stream (protocol kafka) to keep messages and read them again',
    );
  },
};

function checkOf(name: string): Check | undefined {
  return Object.hasOwn(CHECKS, name) ? CHECKS[name] : undefined;
}

/** What Subscribe was given, as it is kept. */
export function checkedSubscribeAttributes(
  given: AttributeTexts,
  facts: Omit<SubscriptionFacts, 'all'>,
): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, text] of Object.entries(given)) {
    const check = checkOf(name);
    if (check === undefined) throw invalidParameter('Attributes', `Unknown attribute: ${name}`);
    const value = withinAttributes(() => check(text, { ...facts, all: given }));
    if (value !== '') kept[name] = value;
  }
  return kept;
}

/** All attributes after one was set. */
export function attributesAfter(
  { attributes, protocol }: Subscription,
  change: { name: string; text: string },
  facts: Pick<SubscriptionFacts, 'broker' | 'fifoTopic'>,
): Record<string, string> {
  const { name, text } = change;
  const check = checkOf(name);
  if (check === undefined) throw invalidParameter('AttributeName');
  const all = { ...attributes, [name]: text };
  const value = check(text, { ...facts, protocol, all });
  const { [name]: _, ...others } = attributes;
  // A policy that is there has to fit the new scope too.
  const policy = others['FilterPolicy'];
  if (name === 'FilterPolicyScope' && policy !== undefined) checkFilterPolicy(policy, scopeOf(all));
  return value === '' ? others : { ...others, [name]: value };
}

/** Whether what Subscribe was given says what the subscription says already. */
export function sameAttributes(given: AttributeTexts, { attributes }: Subscription): boolean {
  return Object.entries(given).every(
    ([name, text]) => text === (attributes[name] ?? DEFAULTS[name]),
  );
}

const DEFAULTS: AttributeTexts = {
  RawMessageDelivery: 'false',
  FilterPolicyScope: 'MessageAttributes',
};

/** What GetSubscriptionAttributes shows. */
export function shownSubscription(
  subscription: Subscription,
  topic: { deliveryPolicy: string | undefined },
): Record<string, string> {
  const { arn, topicArn, protocol, endpoint, ownerId, attributes, confirmed } = subscription;
  const { DeliveryPolicy } = attributes;
  const policy = effectiveSubscriptionPolicy(DeliveryPolicy, topic.deliveryPolicy);
  return {
    SubscriptionArn: arn,
    TopicArn: topicArn,
    Protocol: protocol,
    Endpoint: endpoint,
    Owner: ownerId,
    PendingConfirmation: String(!confirmed),
    ConfirmationWasAuthenticated: String(subscription.authenticated),
    SubscriptionPrincipal: `arn:aws:iam::${ownerId}:root`,
    RawMessageDelivery: 'false',
    ...(attributes['FilterPolicy'] !== undefined && { FilterPolicyScope: 'MessageAttributes' }),
    ...attributes,
    ...(HTTP.includes(protocol) && { EffectiveDeliveryPolicy: JSON.stringify(policy) }),
  };
}

export function scopeOf(attributes: AttributeTexts): FilterScope {
  return attributes['FilterPolicyScope'] === 'MessageBody' ? 'MessageBody' : 'MessageAttributes';
}

/** The name of the queue that undeliverable messages go to. */
export function deadLetterQueueOf(attributes: AttributeTexts): string | undefined {
  const text = attributes['RedrivePolicy'];
  if (text === undefined) return undefined;
  const { deadLetterTargetArn } = JSON.parse(text) as { deadLetterTargetArn: string };
  return parseArn(deadLetterTargetArn)?.resource;
}

function checkRedrive(text: string, { broker, fifoTopic }: SubscriptionFacts): string {
  if (text === '' || text === '{}') return '';
  const { deadLetterTargetArn } = parseObject('RedrivePolicy', text);
  const arn = typeof deadLetterTargetArn === 'string' ? parseArn(deadLetterTargetArn) : undefined;
  if (arn?.service !== 'sqs' || arn.resource.includes(':')) {
    throw invalidParameter('RedrivePolicy: deadLetterTargetArn is an invalid arn');
  }
  if (broker.queues.get('', arn.resource) === undefined) {
    throw invalidParameter(
      `RedrivePolicy: deadLetterTargetArn: there is no queue ${arn.resource}; create it first`,
    );
  }
  if (fifoTopic !== isFifoName(arn.resource)) {
    throw invalidParameter(
      fifoTopic
        ? 'RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic.'
        : 'RedrivePolicy: must use a standard queue as DLQ for a Subscription to a standard Topic.',
    );
  }
  return text;
}

/** Subscribe names the parameter that the attribute stands in. */
function withinAttributes<T>(check: () => T): T {
  try {
    return check();
  } catch (error: unknown) {
    const { message } = error as Error;
    const [, what] = /^Invalid parameter: ([\s\S]*)$/.exec(message) ?? [];
    if (what === undefined) throw error;
    throw invalidParameter('Attributes', what);
  }
}

/**
 * Subscribe, ConfirmSubscription and Unsubscribe.
 *
 *             Subscribe                 ConfirmSubscription
 *   (none) ──────────────► pending ──────────────────────────► confirmed
 *      │                     │ three days                         │  ▲
 *      │ sqs, lambda, sms,   ▼                        Unsubscribe │  │ the token, within three days (http, https)
 *      │ kafka, amqp       (none)                                 ▼  │
 *      └───────────────────────────► confirmed                   ended ──► (none)
 */
import { BrokerError } from '../../../../core/errors.ts';
import type { AwsCall } from '../../call.ts';
import { AwsError } from '../../wire/aws-error.ts';
import { subscriptionIdOf, topicArnOf, topicNameOf } from '../arns.ts';
import type { SnsContext } from '../context.ts';
import { checkEndpoint, checkedProtocol, needsConfirmation } from '../endpoint-rules.ts';
import { invalidParameter } from '../errors.ts';
import type { Subscription } from '../subscription.ts';
import { checkedSubscribeAttributes, sameAttributes } from '../subscription-attributes.ts';
import type { AttributeTexts } from '../topic-attributes.ts';
import type { Topic } from '../topics.ts';
import { type TopicInput, topicOf } from './topics.ts';

export interface SubscribeInput extends TopicInput {
  Protocol: string;
  Endpoint?: string;
  Attributes?: AttributeTexts;
  ReturnSubscriptionArn?: boolean;
}

export interface ConfirmInput extends TopicInput {
  Token: string;
  AuthenticateOnUnsubscribe?: string;
}

const PENDING = 'pending confirmation';
/** As AWS has them: 288 hex digits. */
const TOKEN_BYTES = 144;
const TOKEN = /^[0-9a-f]{288}$/;
const SUBSCRIPTIONS_MAX = 100_000;

export async function subscribe(
  context: SnsContext,
  input: SubscribeInput,
  call: AwsCall,
): Promise<object> {
  const { name } = topicOf(context, input.TopicArn, call);
  const subscription = await context.turns.run(name, () => {
    return subscribed(context, topicOf(context, input.TopicArn, call), input, call);
  });
  const shown = subscription.confirmed || input.ReturnSubscriptionArn === true;
  return { SubscriptionArn: shown ? subscription.arn : PENDING };
}

async function subscribed(
  context: SnsContext,
  topic: Topic,
  input: SubscribeInput,
  call: AwsCall,
): Promise<Subscription> {
  const { broker, subscriptions, workers } = context;
  const protocol = checkedProtocol(input.Protocol);
  const { Endpoint: endpoint = '' } = input;
  checkEndpoint(protocol, endpoint, context, topic);
  const facts = { broker, protocol, fifoTopic: topic.fifo };
  const attributes = checkedSubscribeAttributes(input.Attributes ?? {}, facts);
  const known = subscriptions.find(topic.name, protocol, endpoint);
  if (known !== undefined) {
    if (!sameAttributes(attributes, known)) {
      throw invalidParameter('Attributes', 'Subscription already exists with different attributes');
    }
    if (!known.confirmed) workers.confirm(known, known.token);
    return known;
  }
  if (subscriptions.count >= SUBSCRIPTIONS_MAX) {
    throw tooMany(`this broker has ${SUBSCRIPTIONS_MAX} subscriptions; delete some first`);
  }
  const pending = needsConfirmation(protocol);
  const id = context.environment.random.uuid();
  const topicArn = topicArnOf(topic.name, call);
  const subscription: Subscription = {
    id,
    arn: `${topicArn}:${id}`,
    topicName: topic.name,
    topicArn,
    topicId: topic.id,
    protocol,
    endpoint,
    ownerId: call.accountId,
    origin: call.origin,
    attributes,
    confirmed: !pending,
    authenticated: !pending,
    unsubscribeSigned: false,
    token: pending ? newToken(context) : '',
    sinceMs: context.environment.clock.nowMs(),
    ended: false,
  };
  await stored(context, subscription);
  if (pending) workers.confirm(subscription, subscription.token);
  return subscription;
}

/** `signed`: whoever confirms has an access key, so the call may ask that only such a one ends the subscription. */
export async function confirmSubscription(
  context: SnsContext,
  { TopicArn, Token, AuthenticateOnUnsubscribe }: ConfirmInput,
  call: AwsCall,
  signed = true,
): Promise<object> {
  const name = topicNameOf(TopicArn, call);
  if (!TOKEN.test(Token)) throw new AwsError('InvalidParameter', 'Invalid token');
  const unsubscribeSigned = signed && /^true$/i.test(AuthenticateOnUnsubscribe ?? '');
  const arn = await context.turns.run(name, async () => {
    const subscription = context.subscriptions.byToken(name, Token);
    if (subscription === undefined || context.topics.get(name) === undefined) {
      throw invalidParameter('Token');
    }
    if (!subscription.confirmed) {
      const confirmed = { confirmed: true, ended: false, authenticated: signed };
      await stored(context, { ...subscription, ...confirmed, unsubscribeSigned });
    }
    return subscription.arn;
  });
  return { SubscriptionArn: arn };
}

/** Answers the same whether there was such a subscription or not. */
export async function unsubscribe(
  context: SnsContext,
  { SubscriptionArn }: { SubscriptionArn: string },
  call: AwsCall,
  signed = true,
): Promise<object> {
  const id = subscriptionIdOf(SubscriptionArn, call);
  const known = context.subscriptions.get(id);
  if (known === undefined) return {};
  await context.turns.run(known.topicName, async () => {
    const subscription = context.subscriptions.get(id);
    if (subscription === undefined) return;
    if (subscription.unsubscribeSigned && !signed) {
      throw new AwsError(
        'AuthorizationError',
        'The subscription was confirmed with AuthenticateOnUnsubscribe: only a signed request ends it.',
      );
    }
    await ended(context, subscription);
  });
  return {};
}

/** An http(s) endpoint is told, and may take it back for some days. */
async function ended(context: SnsContext, subscription: Subscription): Promise<void> {
  const { subscriptions, workers, environment } = context;
  const { protocol, confirmed } = subscription;
  if (!confirmed || !protocol.startsWith('http')) {
    await subscriptions.end(subscription);
    return;
  }
  const token = newToken(context);
  const sinceMs = environment.clock.nowMs();
  const kept = { ...subscription, confirmed: false, ended: true, token, sinceMs };
  await subscriptions.end(subscription, kept);
  workers.ended(kept, token);
}

async function stored(context: SnsContext, subscription: Subscription): Promise<void> {
  try {
    await context.subscriptions.put(subscription);
  } catch (error: unknown) {
    if (error instanceof BrokerError && error.code === 'limit-reached') {
      throw tooMany(error.message, error);
    }
    throw error;
  }
}

function tooMany(message: string, cause?: unknown): AwsError {
  return new AwsError('SubscriptionLimitExceeded', message, { cause });
}

function newToken({ environment }: SnsContext): string {
  return environment.random.bytes(TOKEN_BYTES).toString('hex');
}

/**
 * Lists of subscriptions, and their attributes. Pages are in the order of ids, which says nothing about age. New attributes hold
 * for what is published after the answer.
 */
import type { AwsCall } from '../../call.ts';
import { subscriptionIdOf } from '../arns.ts';
import type { SnsContext } from '../context.ts';
import { subscriptionNotFound } from '../errors.ts';
import { nextTokenOf, type Page, pageOf } from '../paging.ts';
import type { Subscription } from '../subscription.ts';
import { attributesAfter, shownSubscription } from '../subscription-attributes.ts';
import { type TopicInput, topicOf } from './topics.ts';

interface SubscriptionInput {
  SubscriptionArn: string;
}

const PENDING = 'PendingConfirmation';

export function listSubscriptions(
  { subscriptions }: SnsContext,
  { NextToken }: { NextToken?: string },
): object {
  return shownPage(pageOf(subscriptions.list(), idOf, NextToken));
}

export function listSubscriptionsByTopic(
  context: SnsContext,
  { TopicArn, NextToken }: TopicInput & { NextToken?: string },
  call: AwsCall,
): object {
  const { name } = topicOf(context, TopicArn, call);
  return shownPage(pageOf(context.subscriptions.ofTopic(name), idOf, NextToken));
}

export function getSubscriptionAttributes(
  context: SnsContext,
  { SubscriptionArn }: SubscriptionInput,
  call: AwsCall,
): object {
  const subscription = subscriptionOf(context, SubscriptionArn, call);
  const topic = context.topics.get(subscription.topicName);
  const deliveryPolicy = topic?.attributes['DeliveryPolicy'];
  return { Attributes: shownSubscription(subscription, { deliveryPolicy }) };
}

export async function setSubscriptionAttributes(
  context: SnsContext,
  input: SubscriptionInput & { AttributeName: string; AttributeValue?: string },
  call: AwsCall,
): Promise<object> {
  const { broker, topics, turns, subscriptions } = context;
  const { AttributeName: name, AttributeValue: text = '' } = input;
  const { topicName } = subscriptionOf(context, input.SubscriptionArn, call);
  await turns.run(topicName, async () => {
    const subscription = subscriptionOf(context, input.SubscriptionArn, call);
    const fifoTopic = topics.get(topicName)?.fifo ?? false;
    const attributes = attributesAfter(subscription, { name, text }, { broker, fifoTopic });
    await subscriptions.put({ ...subscription, attributes });
  });
  return {};
}

function subscriptionOf({ subscriptions }: SnsContext, arn: string, call: AwsCall): Subscription {
  const subscription = subscriptions.get(subscriptionIdOf(arn, call));
  if (subscription === undefined) throw subscriptionNotFound();
  return subscription;
}

function shownPage(page: Page<Subscription>): object {
  return {
    Subscriptions: page.items.map(({ arn, confirmed, ownerId, protocol, endpoint, topicArn }) => ({
      SubscriptionArn: confirmed ? arn : PENDING,
      Owner: ownerId,
      Protocol: protocol,
      Endpoint: endpoint,
      TopicArn: topicArn,
    })),
    ...nextTokenOf(page),
  };
}

function idOf({ id }: Subscription): string {
  return id;
}

/**
 * CreateTopic, DeleteTopic, ListTopics and the attributes of topics. Changes of one topic run one after the other, so that what
 * was checked still holds when it is written.
 */
import { BrokerError } from '../../../../core/errors.ts';
import type { AwsCall } from '../../call.ts';
import { AwsError } from '../../wire/aws-error.ts';
import { topicArnOf, topicNameOf } from '../arns.ts';
import type { SnsContext } from '../context.ts';
import { checkedDataProtectionPolicy } from '../data-protection.ts';
import { invalidParameter, topicNotFound } from '../errors.ts';
import { nextTokenOf, pageOf } from '../paging.ts';
import { checkedTags, type TagList } from '../tags.ts';
import {
  type AttributeTexts,
  checkedAttribute,
  checkedNewAttributes,
  shownAttributes,
} from '../topic-attributes.ts';
import { isTopicName, type Topic } from '../topics.ts';

export interface TopicInput {
  TopicArn: string;
}

interface CreateTopicInput {
  Name: string;
  Attributes?: AttributeTexts;
  Tags?: TagList;
  DataProtectionPolicy?: string;
}

/** The topic that an ARN is of. Throws what SNS answers if there is none. */
export function topicOf(
  { topics }: SnsContext,
  arn: string | undefined,
  call: AwsCall,
  parameter?: string,
): Topic {
  const topic = topics.get(topicNameOf(arn, call, parameter));
  if (topic === undefined) throw topicNotFound();
  return topic;
}

export async function createTopic(
  context: SnsContext,
  input: CreateTopicInput,
  call: AwsCall,
): Promise<object> {
  const { Name: name, Attributes: given = {} } = input;
  const fifo = /^true$/i.test(given['FifoTopic'] ?? '');
  if (!isTopicName(name, fifo)) throw invalidParameter('Topic Name');
  const attributes = checkedNewAttributes(given);
  const tags = checkedTags({}, input.Tags ?? []);
  const dataProtectionPolicy = checkedDataProtectionPolicy(input.DataProtectionPolicy ?? '');
  await context.turns.run(name, async () => {
    const known = context.topics.get(name);
    if (known !== undefined) {
      checkSame(known, attributes, input.Tags && tags);
      return;
    }
    if (context.broker.exchanges.get('', name) !== undefined) {
      throw invalidParameter(
        'Topic Name',
        `there is an exchange ${name} already, of a type that is no topic; delete it, or choose another name`,
      );
    }
    // Of a topic that was deleted over another protocol.
    await context.subscriptions.drop(name);
    await made(context.topics.create(name, { attributes, tags, dataProtectionPolicy }));
  });
  return { TopicArn: topicArnOf(name, call) };
}

/** Creating it again changes nothing; what was given has to be what it has. */
function checkSame(
  known: Topic,
  attributes: AttributeTexts,
  tags: Readonly<Record<string, string>> | undefined,
): void {
  const different = Object.entries(attributes).some(
    ([name, text]) => known.attributes[name] !== text,
  );
  if (different) {
    throw invalidParameter('Attributes', 'Topic already exists with different attributes');
  }
  if (tags === undefined) return;
  const names = Object.keys(tags);
  const same =
    names.length === Object.keys(known.tags).length &&
    names.every((name) => known.tags[name] === tags[name]);
  if (!same) throw invalidParameter('Tags', 'Topic already exists with different tags');
}

async function made(topic: Promise<Topic>): Promise<void> {
  try {
    await topic;
  } catch (error: unknown) {
    if (error instanceof BrokerError && error.code === 'limit-reached') {
      throw new AwsError('TopicLimitExceeded', error.message, { cause: error });
    }
    if (error instanceof BrokerError && error.code === 'invalid-name') {
      throw invalidParameter('Topic Name', error.message);
    }
    throw error;
  }
}

export async function deleteTopic(
  context: SnsContext,
  { TopicArn }: TopicInput,
  call: AwsCall,
): Promise<object> {
  const name = topicNameOf(TopicArn, call);
  await context.turns.run(name, async () => {
    const topic = context.topics.get(name);
    if (topic !== undefined) await context.topics.delete(topic);
    await context.subscriptions.drop(name);
  });
  return {};
}

export function listTopics(
  { topics }: SnsContext,
  { NextToken }: { NextToken?: string },
  call: AwsCall,
): object {
  const page = pageOf(topics.list(), ({ name }) => name, NextToken);
  return {
    Topics: page.items.map(({ name }) => ({ TopicArn: topicArnOf(name, call) })),
    ...nextTokenOf(page),
  };
}

export function getTopicAttributes(
  context: SnsContext,
  { TopicArn }: TopicInput,
  call: AwsCall,
): object {
  const { name, attributes, fifo } = topicOf(context, TopicArn, call);
  const arn = topicArnOf(name, call);
  const { confirmed, pending, deleted } = context.subscriptions.counts(name);
  return {
    Attributes: {
      ...shownAttributes(attributes, { arn, ownerId: call.accountId, fifo }),
      SubscriptionsConfirmed: String(confirmed),
      SubscriptionsPending: String(pending),
      SubscriptionsDeleted: String(deleted),
    },
  };
}

export async function setTopicAttributes(
  context: SnsContext,
  input: TopicInput & { AttributeName: string; AttributeValue?: string },
  call: AwsCall,
): Promise<object> {
  const { name } = topicOf(context, input.TopicArn, call);
  await context.turns.run(name, async () => {
    const topic = topicOf(context, input.TopicArn, call);
    const { AttributeName, AttributeValue = '' } = input;
    const value = checkedAttribute(AttributeName, AttributeValue, topic.fifo);
    const { [AttributeName]: _, ...others } = topic.attributes;
    const attributes = value === '' ? others : { ...others, [AttributeName]: value };
    await context.topics.change(topic, { attributes });
    // Deliveries go by the policy of the topic too.
    if (AttributeName === 'DeliveryPolicy') context.subscriptions.restartWorkers(name);
  });
  return {};
}

/**
 * Tags, permissions and data protection policies of topics. All of them stand in the topic's document. Policies are stored and
 * shown; nobody is let in or kept out by them.
 */
import type { AwsCall } from '../../call.ts';
import { AwsError } from '../../wire/aws-error.ts';
import { topicArnOf, topicNameOf } from '../arns.ts';
import type { SnsContext } from '../context.ts';
import { checkedDataProtectionPolicy } from '../data-protection.ts';
import { invalidParameter } from '../errors.ts';
import { checkedTags, type TagList } from '../tags.ts';
import { policyOf } from '../topic-attributes.ts';
import type { Topic, TopicState } from '../topics.ts';
import { type TopicInput, topicOf } from './topics.ts';

interface ResourceInput {
  ResourceArn: string;
}

interface Policy {
  Statement: { Sid?: string }[];
}

const POLICY_ACTIONS: readonly string[] = [
  'GetTopicAttributes',
  'SetTopicAttributes',
  'AddPermission',
  'RemovePermission',
  'DeleteTopic',
  'Subscribe',
  'ListSubscriptionsByTopic',
  'Publish',
  'Receive',
];

export async function tagResource(
  context: SnsContext,
  { ResourceArn, Tags }: ResourceInput & { Tags: TagList },
  call: AwsCall,
): Promise<object> {
  await change(context, taggedTopic(context, ResourceArn, call), ({ tags }) => ({
    tags: checkedTags(tags, Tags),
  }));
  return {};
}

export async function untagResource(
  context: SnsContext,
  { ResourceArn, TagKeys }: ResourceInput & { TagKeys: readonly string[] },
  call: AwsCall,
): Promise<object> {
  await change(context, taggedTopic(context, ResourceArn, call), ({ tags }) => ({
    tags: Object.fromEntries(Object.entries(tags).filter(([key]) => !TagKeys.includes(key))),
  }));
  return {};
}

export function listTagsForResource(
  context: SnsContext,
  { ResourceArn }: ResourceInput,
  call: AwsCall,
): object {
  const { tags } = taggedTopic(context, ResourceArn, call);
  return { Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) };
}

export async function addPermission(
  context: SnsContext,
  input: TopicInput & { Label: string; AWSAccountId: string[]; ActionName: string[] },
  call: AwsCall,
): Promise<object> {
  const { Label, AWSAccountId, ActionName } = input;
  await change(context, topicOf(context, input.TopicArn, call), (topic) => {
    const policy = policyFor(topic, call);
    if (policy.Statement.some(({ Sid }) => Sid === Label)) {
      throw invalidParameter('Statement already exists');
    }
    const known = ActionName.every((name) => POLICY_ACTIONS.includes(name));
    if (!known || ActionName.length === 0) {
      throw invalidParameter('Policy statement action out of service scope!');
    }
    if (AWSAccountId.length === 0) throw invalidParameter('AWSAccountId');
    const statement = {
      Sid: Label,
      Effect: 'Allow',
      Principal: { AWS: oneOrAll(AWSAccountId.map((id) => `arn:aws:iam::${id}:root`)) },
      Action: oneOrAll(ActionName.map((name) => `SNS:${name}`)),
      Resource: topicArnOf(topic.name, call),
    };
    return withPolicy(topic, { ...policy, Statement: [...policy.Statement, statement] });
  });
  return {};
}

export async function removePermission(
  context: SnsContext,
  { TopicArn, Label }: TopicInput & { Label: string },
  call: AwsCall,
): Promise<object> {
  await change(context, topicOf(context, TopicArn, call), (topic) => {
    const policy = policyFor(topic, call);
    const Statement = policy.Statement.filter(({ Sid }) => Sid !== Label);
    return withPolicy(topic, { ...policy, Statement });
  });
  return {};
}

export function getDataProtectionPolicy(
  context: SnsContext,
  { ResourceArn }: ResourceInput,
  call: AwsCall,
): object {
  const { dataProtectionPolicy } = topicOf(context, ResourceArn, call, 'ResourceArn');
  return { DataProtectionPolicy: dataProtectionPolicy };
}

export async function putDataProtectionPolicy(
  context: SnsContext,
  input: ResourceInput & { DataProtectionPolicy: string },
  call: AwsCall,
): Promise<object> {
  const topic = topicOf(context, input.ResourceArn, call, 'ResourceArn');
  const dataProtectionPolicy = checkedDataProtectionPolicy(input.DataProtectionPolicy);
  await change(context, topic, () => ({ dataProtectionPolicy }));
  return {};
}

/** Makes the change to the topic as it is when its turn has come. */
function change(
  { turns, topics }: SnsContext,
  { name }: Topic,
  changed: (topic: Topic) => Partial<TopicState>,
): Promise<void> {
  return turns.run(name, async () => {
    const topic = topics.get(name);
    if (topic !== undefined) await topics.change(topic, changed(topic));
  });
}

function taggedTopic({ topics }: SnsContext, arn: string, call: AwsCall): Topic {
  const topic = topics.get(topicNameOf(arn, call, 'ResourceArn'));
  if (topic === undefined) throw new AwsError('ResourceNotFound', 'Resource does not exist');
  return topic;
}

function policyFor({ name, attributes }: Topic, call: AwsCall): Policy {
  const topic = { arn: topicArnOf(name, call), ownerId: call.accountId };
  const policy = JSON.parse(policyOf(attributes, topic)) as Partial<Policy>;
  const { Statement = [] } = policy;
  return { ...policy, Statement: Array.isArray(Statement) ? Statement : [Statement] };
}

function withPolicy({ attributes }: Topic, policy: Policy): Partial<TopicState> {
  return { attributes: { ...attributes, Policy: JSON.stringify(policy) } };
}

function oneOrAll(values: readonly string[]): string | readonly string[] {
  return values.length === 1 ? values[0]! : values;
}

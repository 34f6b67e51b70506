/** ARNs of topics and subscriptions: `arn:aws:sns:<region>:<account>:<topic>[:<subscription id>]`. */
import { type Arn, formatArn } from '../arn.ts';
import type { AwsCall } from '../call.ts';
import { invalidParameter } from './errors.ts';

const ARN_ELEMENTS = 6;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function topicArnOf(name: string, { region, accountId }: AwsCall): string {
  return formatArn({ service: 'sns', region, accountId, resource: name });
}

/**
 * The name of the topic that an ARN is of. A broker has one set of topics, whatever the region that clients sign for, so
 * only the account must be right.
 */
export function topicNameOf(
  arn: string | undefined,
  { accountId }: AwsCall,
  parameter = 'TopicArn',
): string {
  const parsed = elementsOf(arn, parameter);
  const { service, resource } = parsed;
  if (service !== 'sns' || parsed.accountId !== accountId || resource.includes(':')) {
    throw invalidParameter(parameter);
  }
  return resource;
}

/** The id of the subscription that an ARN is of. */
export function subscriptionIdOf(arn: string | undefined, { accountId }: AwsCall): string {
  if (arn === undefined || arn === '') {
    throw invalidParameter('SubscriptionArn', 'no value for required parameter');
  }
  const parsed = elementsOf(arn, 'SubscriptionArn');
  const [, id, ...rest] = parsed.resource.split(':');
  if (parsed.service !== 'sns' || parsed.accountId !== accountId) {
    throw invalidParameter('SubscriptionArn');
  }
  if (id === undefined || rest.length > 0 || !UUID.test(id)) {
    throw invalidParameter('SubscriptionId');
  }
  return id;
}

function elementsOf(arn: string | undefined, parameter: string): Arn {
  const elements = (arn ?? '').split(':');
  if (elements.length < ARN_ELEMENTS) {
    throw invalidParameter(
      parameter,
      `An ARN must have at least ${ARN_ELEMENTS} elements, not ${elements.length}`,
    );
  }
  const [prefix, , service = '', region = '', accountId = '', ...resource] = elements;
  if (prefix !== 'arn' || resource[0] === '') throw invalidParameter(parameter);
  return { service, region, accountId, resource: resource.join(':') };
}

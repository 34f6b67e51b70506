import type { AwsHandler } from '../call.ts';
import { publish, publishBatch } from './actions/publish.ts';
import {
  addPermission,
  getDataProtectionPolicy,
  listTagsForResource,
  putDataProtectionPolicy,
  removePermission,
  tagResource,
  untagResource,
} from './actions/resources.ts';
import { confirmSubscription, subscribe, unsubscribe } from './actions/subscribe.ts';
import {
  getSubscriptionAttributes,
  listSubscriptions,
  listSubscriptionsByTopic,
  setSubscriptionAttributes,
} from './actions/subscriptions.ts';
import {
  createTopic,
  deleteTopic,
  getTopicAttributes,
  listTopics,
  setTopicAttributes,
} from './actions/topics.ts';
import type { SnsContext } from './context.ts';
import { TopicPublisher } from './publishing/publisher.ts';

export type SnsActionName = keyof ReturnType<typeof handlersOf>;

/** One handler for every action of SNS that this broker offers. */
export function createSnsHandlers(
  context: SnsContext,
): Readonly<Record<SnsActionName, AwsHandler>> {
  return handlersOf(context);
}

function handlersOf(context: SnsContext) {
  const publisher = new TopicPublisher(context);
  // biome-ignore lint/suspicious/noExplicitAny: the action's table has checked the input
  const on = (action: (context: SnsContext, input: any, call: any) => object): AwsHandler => {
    return (input, call) => action(context, input, call);
  };
  return {
    CreateTopic: on(createTopic),
    DeleteTopic: on(deleteTopic),
    ListTopics: on(listTopics),
    GetTopicAttributes: on(getTopicAttributes),
    SetTopicAttributes: on(setTopicAttributes),
    AddPermission: on(addPermission),
    RemovePermission: on(removePermission),
    TagResource: on(tagResource),
    UntagResource: on(untagResource),
    ListTagsForResource: on(listTagsForResource),
    GetDataProtectionPolicy: on(getDataProtectionPolicy),
    PutDataProtectionPolicy: on(putDataProtectionPolicy),
    Subscribe: on(subscribe),
    ConfirmSubscription: on(confirmSubscription),
    Unsubscribe: on(unsubscribe),
    ListSubscriptions: on(listSubscriptions),
    ListSubscriptionsByTopic: on(listSubscriptionsByTopic),
    GetSubscriptionAttributes: on(getSubscriptionAttributes),
    SetSubscriptionAttributes: on(setSubscriptionAttributes),
    Publish: (input, call) => publish(context, publisher, input, call),
    PublishBatch: (input, call) => publishBatch(context, publisher, input, call),
  } satisfies Record<string, AwsHandler>;
}

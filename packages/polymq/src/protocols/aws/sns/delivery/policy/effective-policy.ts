/**
 * The delivery policy that holds for a subscription: its own where it says something, else the topic's, else the default. A
 * topic may forbid its subscriptions to have their own.
 */
import type { JsonObject } from '../../json-value.ts';
import type { SubscriptionProtocol } from '../../subscription.ts';
import {
  type RequestPolicy,
  readSubscriptionPolicy,
  readTopicPolicy,
  type SubscriptionPolicy,
  type ThrottlePolicy,
  type TopicPolicy,
} from './read-policy.ts';
import {
  DEFAULT_RETRIES,
  FUNCTION_RETRIES,
  PERSON_RETRIES,
  type RetryPolicy,
} from './retry-policy.ts';

const DEFAULT_REQUEST: RequestPolicy = { headerContentType: 'text/plain; charset=UTF-8' };

export interface EffectivePolicy {
  healthyRetryPolicy: RetryPolicy;
  sicklyRetryPolicy: RetryPolicy | null;
  throttlePolicy: ThrottlePolicy | null;
  requestPolicy: RequestPolicy;
  guaranteed: boolean;
}

/** A topic's policy as AWS keeps and shows it: members in its order, with defaults. Throws `InvalidParameter`. */
export function checkedTopicPolicy(text: string): string {
  return JSON.stringify(readTopicPolicy(text));
}

/** The same for a subscription's. */
export function checkedSubscriptionPolicy(text: string): string {
  return JSON.stringify(readSubscriptionPolicy(text));
}

/** The topic's attribute `EffectiveDeliveryPolicy`. An empty policy is none. */
export function effectiveTopicPolicy(topicPolicy: string | undefined): JsonObject {
  const { http } = topicPolicy ? readTopicPolicy(topicPolicy) : ({} as TopicPolicy);
  const throttle = http?.defaultThrottlePolicy;
  return {
    http: {
      defaultHealthyRetryPolicy: http?.defaultHealthyRetryPolicy ?? DEFAULT_RETRIES,
      disableSubscriptionOverrides: http?.disableSubscriptionOverrides ?? false,
      ...(throttle && { defaultThrottlePolicy: throttle }),
      defaultRequestPolicy: http?.defaultRequestPolicy ?? DEFAULT_REQUEST,
    },
  };
}

/** What holds for an http(s) subscription; as JSON its attribute `EffectiveDeliveryPolicy`. An empty policy is none. */
export function effectiveSubscriptionPolicy(
  ownPolicy: string | undefined,
  topicPolicy: string | undefined,
): EffectivePolicy {
  const { http } = topicPolicy ? readTopicPolicy(topicPolicy) : ({} as TopicPolicy);
  const heeded = ownPolicy && http?.disableSubscriptionOverrides !== true;
  const own: Partial<SubscriptionPolicy> = heeded ? readSubscriptionPolicy(ownPolicy) : {};
  return {
    healthyRetryPolicy:
      own.healthyRetryPolicy ?? http?.defaultHealthyRetryPolicy ?? DEFAULT_RETRIES,
    sicklyRetryPolicy: own.sicklyRetryPolicy ?? null,
    throttlePolicy: own.throttlePolicy ?? http?.defaultThrottlePolicy ?? null,
    requestPolicy: own.requestPolicy ?? http?.defaultRequestPolicy ?? DEFAULT_REQUEST,
    guaranteed: own.guaranteed ?? false,
  };
}

/** What a worker keeps to. Only http and https can be told otherwise. */
export function workingPolicy(
  protocol: SubscriptionProtocol,
  ownPolicy: string | undefined,
  topicPolicy: string | undefined,
): EffectivePolicy {
  if (protocol === 'http' || protocol === 'https') {
    return effectiveSubscriptionPolicy(ownPolicy, topicPolicy);
  }
  const retries = protocol === 'lambda' ? FUNCTION_RETRIES : PERSON_RETRIES;
  return { ...effectiveSubscriptionPolicy(undefined, undefined), healthyRetryPolicy: retries };
}

import { describe, expect, it } from 'vitest';
import {
  checkedSubscriptionPolicy,
  checkedTopicPolicy,
  effectiveSubscriptionPolicy,
  effectiveTopicPolicy,
  workingPolicy,
} from './effective-policy.ts';
import { DEFAULT_RETRIES, type RetryPolicy, retryDelayMs } from './retry-policy.ts';

const RETRY = {
  minDelayTarget: 5,
  maxDelayTarget: 30,
  numRetries: 10,
  numNoDelayRetries: 1,
  numMinDelayRetries: 2,
  numMaxDelayRetries: 3,
  backoffFunction: 'exponential',
};
/** The same in the order of AWS. */
const RETRY_TEXT =
  '{"minDelayTarget":5,"maxDelayTarget":30,"numRetries":10,"numMaxDelayRetries":3,"numNoDelayRetries":1,"numMinDelayRetries":2,"backoffFunction":"exponential"}';

function topic(change: object): string {
  return JSON.stringify({ http: change });
}

function seconds(policy: Partial<RetryPolicy>): (number | undefined)[] {
  const whole = { ...DEFAULT_RETRIES, ...policy };
  const delays: (number | undefined)[] = [];
  for (let retry = 0; retry <= whole.numRetries; retry++) {
    const delayMs = retryDelayMs(whole, retry);
    delays.push(delayMs === undefined ? undefined : delayMs / 1000);
  }
  return delays;
}

describe('a delivery policy', () => {
  it('is kept in the order of AWS, with what was left out', () => {
    expect(checkedTopicPolicy(topic({ defaultHealthyRetryPolicy: RETRY }))).toBe(
      `{"http":{"defaultHealthyRetryPolicy":${RETRY_TEXT},"disableSubscriptionOverrides":false}}`,
    );
    const text = JSON.stringify({
      requestPolicy: { headerContentType: 'text/plain' },
      throttlePolicy: { maxReceivesPerSecond: 1 },
      healthyRetryPolicy: RETRY,
    });
    const kept = checkedSubscriptionPolicy(text);
    expect(kept).toBe(
      `{"healthyRetryPolicy":${RETRY_TEXT},"sicklyRetryPolicy":null,"throttlePolicy":{"maxReceivesPerSecond":1},"requestPolicy":{"headerContentType":"text/plain"},"guaranteed":false}`,
    );
    expect(checkedSubscriptionPolicy(kept)).toBe(kept);
  });

  it.each([
    [{ ...RETRY, numRetries: 101 }, 'numRetries must be less than or equal to 100'],
    [{ ...RETRY, numRetries: -1 }, 'numRetries must be greater than or equal to 0'],
    [{ ...RETRY, numRetries: 1.5 }, 'numRetries must be an integer'],
    [{ ...RETRY, minDelayTarget: 0 }, 'minDelayTarget must be greater than or equal to 1'],
    [{ ...RETRY, maxDelayTarget: 3601 }, 'maxDelayTarget must be less than or equal to 3600'],
    [
      { ...RETRY, minDelayTarget: 31 },
      'maxDelayTarget must be greater than or equal to minDelayTarget',
    ],
    [{ ...RETRY, maxDelayTarget: undefined }, 'maxDelayTarget must be specified'],
    [
      { ...RETRY, numMaxDelayRetries: 8 },
      'numRetries must be greater than or equal to total of numMinDelayRetries, numNoDelayRetries and numMaxDelayRetries',
    ],
    [
      { ...RETRY, backoffFunction: 'cubic' },
      'backoffFunction: the value [cubic] is not a valid backoff function',
    ],
  ])('is refused for %j in the words of AWS', (retry, reason) => {
    expect(() => checkedTopicPolicy(topic({ defaultHealthyRetryPolicy: retry }))).toThrow(
      `Invalid parameter: DeliveryPolicy: http.defaultHealthyRetryPolicy.${reason}`,
    );
    expect(() => checkedSubscriptionPolicy(JSON.stringify({ healthyRetryPolicy: retry }))).toThrow(
      `Invalid parameter: DeliveryPolicy: healthyRetryPolicy.${reason}`,
    );
  });

  it.each([
    ['{', 'failed to parse JSON'],
    ['[]', 'failed to parse JSON'],
    ['{"https":{}}', 'Unexpected JSON member: https'],
    ['{"http":{"throttlePolicy":{}}}', 'Unexpected JSON member: http.throttlePolicy'],
    [
      '{"http":{"defaultThrottlePolicy":{"maxReceivesPerSecond":0}}}',
      'maxReceivesPerSecond must be greater than or equal to 1',
    ],
    [
      '{"http":{"defaultRequestPolicy":{"headerContentType":"text/bogus"}}}',
      'the value [text/bogus] is not a valid content type',
    ],
    [
      '{"http":{"defaultRequestPolicy":{"headerContentType":"text/xml\\r\\nx: y"}}}',
      'is not a valid content type',
    ],
    ['{"http":{"disableSubscriptionOverrides":"yes"}}', 'must be true or false'],
  ])('%s is refused', (text, reason) => {
    expect(() => checkedTopicPolicy(text)).toThrow(reason);
  });

  it('may name the character set of the content', () => {
    const text = topic({
      defaultRequestPolicy: { headerContentType: 'application/json; charset=UTF-8' },
    });
    expect(checkedTopicPolicy(text)).toContain('application/json; charset=UTF-8');
  });

  it('of a subscription goes before the topic, part by part, unless the topic forbids it', () => {
    const parts = {
      defaultHealthyRetryPolicy: RETRY,
      defaultThrottlePolicy: { maxReceivesPerSecond: 5 },
    };
    const own = '{"requestPolicy":{"headerContentType":"text/xml"}}';
    const effective = effectiveSubscriptionPolicy(own, topic(parts));
    expect(effective.healthyRetryPolicy.numRetries).toBe(10);
    expect(effective.throttlePolicy).toEqual({ maxReceivesPerSecond: 5 });
    expect(effective.requestPolicy.headerContentType).toBe('text/xml');
    const strict = topic({ ...parts, disableSubscriptionOverrides: true });
    const forbidden = effectiveSubscriptionPolicy(own, strict);
    expect(forbidden.requestPolicy.headerContentType).toBe('text/plain; charset=UTF-8');
  });

  it('is three retries 20 s apart where nobody says otherwise', () => {
    expect(JSON.stringify(effectiveSubscriptionPolicy(undefined, ''))).toBe(
      '{"healthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},"sicklyRetryPolicy":null,"throttlePolicy":null,"requestPolicy":{"headerContentType":"text/plain; charset=UTF-8"},"guaranteed":false}',
    );
    expect(JSON.stringify(effectiveTopicPolicy(undefined))).toBe(
      '{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},"disableSubscriptionOverrides":false,"defaultRequestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}}',
    );
  });

  it('of functions and people is not the topic’s', () => {
    const fast = topic({ defaultHealthyRetryPolicy: RETRY });
    expect(workingPolicy('http', undefined, fast).healthyRetryPolicy.numRetries).toBe(10);
    expect(workingPolicy('lambda', undefined, fast).healthyRetryPolicy.numRetries).toBe(100);
    expect(workingPolicy('email', undefined, fast).healthyRetryPolicy.numRetries).toBe(50);
  });
});

describe('retries', () => {
  it('go through four phases', () => {
    const phases = {
      ...RETRY,
      numRetries: 9,
      maxDelayTarget: 20,
      backoffFunction: 'linear' as const,
    };
    expect(seconds(phases)).toEqual([0, 5, 5, 5, 12.5, 20, 20, 20, 20, undefined]);
    expect(seconds({})).toEqual([20, 20, 20, undefined]);
    expect(seconds({ numRetries: 0 })).toEqual([undefined]);
    expect(seconds({ numRetries: 1, minDelayTarget: 3 })).toEqual([3, undefined]);
  });

  it.each([
    ['linear', [2, 12, 22, 32]],
    ['arithmetic', [2, 7, 17, 32]],
    ['geometric', [2, 5.04, 12.699, 32]],
    ['exponential', [2, 6.286, 14.857, 32]],
  ] as const)('back off in a %s way', (backoffFunction, expected) => {
    const policy = { minDelayTarget: 2, maxDelayTarget: 32, numRetries: 4, backoffFunction };
    expect(seconds(policy)).toEqual([...expected, undefined]);
  });
});

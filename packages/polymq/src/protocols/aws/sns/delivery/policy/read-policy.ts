/**
 * Reads the attribute `DeliveryPolicy` of topics and subscriptions, and finds what is wrong with one in the words of AWS.
 *
 *   topic          {"http":{"defaultHealthyRetryPolicy","disableSubscriptionOverrides","defaultThrottlePolicy","defaultRequestPolicy"}}
 *   subscription   {"healthyRetryPolicy","sicklyRetryPolicy","throttlePolicy","requestPolicy","guaranteed"}
 *
 * What is read is written as AWS writes it: members in its order, and what was left out with its default.
 */
import type { AwsError } from '../../../wire/aws-error.ts';
import { invalidParameter } from '../../errors.ts';
import { isObject, type JsonObject, parseObject } from '../../json-value.ts';
import { BACKOFF_FUNCTIONS, type BackoffFunction, type RetryPolicy } from './retry-policy.ts';

export interface ThrottlePolicy {
  maxReceivesPerSecond: number;
}

export interface RequestPolicy {
  headerContentType: string;
}

export interface TopicPolicy {
  http?: {
    defaultHealthyRetryPolicy?: RetryPolicy;
    disableSubscriptionOverrides: boolean;
    defaultThrottlePolicy?: ThrottlePolicy;
    defaultRequestPolicy?: RequestPolicy;
  };
}

export interface SubscriptionPolicy {
  healthyRetryPolicy: RetryPolicy | null;
  /** Stored and shown; AWS has never said what it does. */
  sicklyRetryPolicy: RetryPolicy | null;
  throttlePolicy: ThrottlePolicy | null;
  requestPolicy: RequestPolicy | null;
  guaranteed: boolean;
}

const DELAY_MAX = 3600;
const RETRIES_MAX = 100;
const CONTENT_TYPES: ReadonlySet<string> = new Set([
  'text/css',
  'text/csv',
  'text/html',
  'text/plain',
  'text/xml',
  'application/atom+xml',
  'application/json',
  'application/octet-stream',
  'application/soap+xml',
  'application/x-www-form-urlencoded',
  'application/xhtml+xml',
  'application/xml',
]);

/** Throws `InvalidParameter`. */
export function readTopicPolicy(json: string): TopicPolicy {
  const document = parseObject('DeliveryPolicy', json);
  expectMembers(document, ['http'], '');
  const http = section(document, 'http', '');
  if (http === undefined) return {};
  const path = 'http.';
  const names = ['defaultHealthyRetryPolicy', 'defaultThrottlePolicy', 'defaultRequestPolicy'];
  // `defaultSicklyRetryPolicy` is in documents of old.
  expectMembers(http, [...names, 'defaultSicklyRetryPolicy', 'disableSubscriptionOverrides'], path);
  const retry = retryPolicy(http, 'defaultHealthyRetryPolicy', path);
  const throttle = throttlePolicy(http, 'defaultThrottlePolicy', path);
  const request = requestPolicy(http, 'defaultRequestPolicy', path);
  return {
    http: {
      ...(retry && { defaultHealthyRetryPolicy: retry }),
      disableSubscriptionOverrides: flag(http, 'disableSubscriptionOverrides', path),
      ...(throttle && { defaultThrottlePolicy: throttle }),
      ...(request && { defaultRequestPolicy: request }),
    },
  };
}

/** Throws `InvalidParameter`. */
export function readSubscriptionPolicy(json: string): SubscriptionPolicy {
  const document = parseObject('DeliveryPolicy', json);
  const names = ['healthyRetryPolicy', 'sicklyRetryPolicy', 'throttlePolicy', 'requestPolicy'];
  expectMembers(document, [...names, 'guaranteed'], '');
  return {
    healthyRetryPolicy: retryPolicy(document, 'healthyRetryPolicy', '') ?? null,
    sicklyRetryPolicy: retryPolicy(document, 'sicklyRetryPolicy', '') ?? null,
    throttlePolicy: throttlePolicy(document, 'throttlePolicy', '') ?? null,
    requestPolicy: requestPolicy(document, 'requestPolicy', '') ?? null,
    guaranteed: flag(document, 'guaranteed', ''),
  };
}

function expectMembers(document: JsonObject, known: readonly string[], path: string): void {
  const unknown = Object.keys(document).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw invalid(`Unexpected JSON member: ${path}${unknown}`);
  }
}

/** An object in the document; undefined if it is missing or null. */
function section(document: JsonObject, name: string, path: string): JsonObject | undefined {
  const value = document[name] ?? undefined;
  if (value === undefined || isObject(value)) return value;
  throw invalid(`${path}${name} must be a JSON object`);
}

function flag(document: JsonObject, name: string, path: string): boolean {
  const value = document[name] ?? false;
  if (typeof value === 'boolean') return value;
  throw invalid(`${path}${name} must be true or false`);
}

const COUNTS = ['numMaxDelayRetries', 'numNoDelayRetries', 'numMinDelayRetries'] as const;

function retryPolicy(owner: JsonObject, name: string, parent: string): RetryPolicy | undefined {
  const document = section(owner, name, parent);
  if (document === undefined) return undefined;
  const path = `${parent}${name}.`;
  const delays = ['minDelayTarget', 'maxDelayTarget', 'numRetries'] as const;
  expectMembers(document, [...delays, ...COUNTS, 'backoffFunction'], path);
  for (const required of delays) {
    if ((document[required] ?? undefined) === undefined) {
      throw invalid(`${path}${required} must be specified`);
    }
  }
  const policy: RetryPolicy = {
    minDelayTarget: integer(document, 'minDelayTarget', path, 1, DELAY_MAX),
    maxDelayTarget: integer(document, 'maxDelayTarget', path, 1, DELAY_MAX),
    numRetries: integer(document, 'numRetries', path, 0, RETRIES_MAX),
    numMaxDelayRetries: integer(document, 'numMaxDelayRetries', path, 0),
    numNoDelayRetries: integer(document, 'numNoDelayRetries', path, 0),
    numMinDelayRetries: integer(document, 'numMinDelayRetries', path, 0),
    backoffFunction: backoffFunction(document, path),
  };
  checkTogether(policy, path);
  return policy;
}

function checkTogether(policy: RetryPolicy, path: string): void {
  if (policy.maxDelayTarget < policy.minDelayTarget) {
    throw invalid(`${path}maxDelayTarget must be greater than or equal to minDelayTarget`);
  }
  const phases = COUNTS.reduce((sum, name) => sum + policy[name], 0);
  if (policy.numRetries < phases) {
    throw invalid(
      `${path}numRetries must be greater than or equal to total of numMinDelayRetries, numNoDelayRetries and numMaxDelayRetries`,
    );
  }
}

function integer(
  document: JsonObject,
  name: string,
  path: string,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  const value = document[name] ?? min;
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
    throw invalid(`${path}${name} must be an integer`);
  }
  if (value < min) {
    throw invalid(`${path}${name} must be greater than or equal to ${min}`);
  }
  if (value > max) {
    throw invalid(`${path}${name} must be less than or equal to ${max}`);
  }
  return value;
}

function backoffFunction(document: JsonObject, path: string): BackoffFunction {
  const value = document['backoffFunction'] ?? 'linear';
  const known = BACKOFF_FUNCTIONS.find((name) => name === value);
  if (known !== undefined) return known;
  throw invalid(
    `${path}backoffFunction: the value [${String(value)}] is not a valid backoff function`,
  );
}

function throttlePolicy(
  owner: JsonObject,
  name: string,
  parent: string,
): ThrottlePolicy | undefined {
  const document = section(owner, name, parent);
  const path = `${parent}${name}.`;
  if (document === undefined) return undefined;
  expectMembers(document, ['maxReceivesPerSecond'], path);
  if ((document['maxReceivesPerSecond'] ?? undefined) === undefined) return undefined;
  return { maxReceivesPerSecond: integer(document, 'maxReceivesPerSecond', path, 1) };
}

function requestPolicy(owner: JsonObject, name: string, parent: string): RequestPolicy | undefined {
  const document = section(owner, name, parent);
  const path = `${parent}${name}.`;
  if (document === undefined) return undefined;
  expectMembers(document, ['headerContentType'], path);
  const value = document['headerContentType'] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || !isContentType(value)) {
    throw invalid(
      `${path}headerContentType: the value [${String(value)}] is not a valid content type`,
    );
  }
  return { headerContentType: value };
}

function isContentType(text: string): boolean {
  const [type = '', parameter, ...more] = text.split(';');
  if (!CONTENT_TYPES.has(type) || more.length > 0) return false;
  return parameter === undefined || /^ ?charset=utf-8$/i.test(parameter);
}

function invalid(reason: string): AwsError {
  return invalidParameter(`DeliveryPolicy: ${reason}`);
}

/**
 * What may be subscribed: which endpoints each protocol takes, in the words of AWS, and what has to be configured for it. What could
 * never be delivered is refused here, with the setting that is missing, instead of failing later.
 */

import { parseArn } from '../arn.ts';
import type { SnsOptions } from '../options.ts';
import { isFifoName } from '../sqs/sqs-queue.ts';
import type { AwsError } from '../wire/aws-error.ts';
import { exists, namedDestination } from './bindings.ts';
import type { SnsContext } from './context.ts';
import { invalidParameter } from './errors.ts';
import { SUBSCRIPTION_PROTOCOLS, type SubscriptionProtocol } from './subscription.ts';
import type { Topic } from './topics.ts';

type Check = (endpoint: string, context: SnsContext, topic: Topic) => void;

const ENDPOINT_LENGTH_MAX = 2_048;
const PHONE_NUMBER = /^\+?[1-9]\d{1,14}$/;
const EMAIL = /^[^\s@<>,;:"()[\]\\]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;

const CHECKS: Readonly<Record<SubscriptionProtocol, Check>> = {
  sqs: checkQueue,
  http: (endpoint, context) => checkUrl('http:', endpoint, context),
  https: (endpoint, context) => checkUrl('https:', endpoint, context),
  lambda: checkFunction,
  email: (endpoint, { options }) => checkEmail(endpoint, options.sns),
  'email-json': (endpoint, { options }) => checkEmail(endpoint, options.sns),
  sms: (endpoint, { options }) => {
    checkPhoneNumber(endpoint);
    if (options.sns.smsWebhook === '') throw notConfigured('sms', 'sns.smsWebhook');
  },
  kafka: (endpoint, context) => {
    checkThere('kafka', endpoint, context, `there is no stream (Kafka topic) ${endpoint}`);
  },
  amqp: (endpoint, context) => {
    checkThere('amqp', endpoint, context, `there is no queue or exchange ${endpoint}`);
  },
};

/** Whether it takes a confirmation by whoever is at the endpoint. */
export function needsConfirmation(protocol: SubscriptionProtocol): boolean {
  return protocol.startsWith('http') || protocol.startsWith('email');
}

export function checkedProtocol(protocol: string): SubscriptionProtocol {
  const known = SUBSCRIPTION_PROTOCOLS.find((name) => name === protocol);
  if (known !== undefined) return known;
  throw invalidParameter(`Amazon SNS does not support this protocol string: ${protocol}`);
}

export function checkEndpoint(
  protocol: SubscriptionProtocol,
  endpoint: string,
  context: SnsContext,
  topic: Topic,
): void {
  if (endpoint === '') throw invalidParameter('Endpoint');
  if (endpoint.length > ENDPOINT_LENGTH_MAX) {
    throw invalidParameter('Endpoint', `must be at most ${ENDPOINT_LENGTH_MAX} characters long`);
  }
  CHECKS[protocol](endpoint, context, topic);
}

/** As one dials: separators count for nothing. */
export function isPhoneNumber(text: string): boolean {
  return PHONE_NUMBER.test(text.replace(/(?<=\d)[-./ ](?=\d)/g, ''));
}

function checkPhoneNumber(endpoint: string): void {
  if (!isPhoneNumber(endpoint)) throw invalidSmsEndpoint(endpoint);
}

function checkQueue(endpoint: string, _: SnsContext, topic: Topic): void {
  const arn = parseArn(endpoint);
  if (arn?.service !== 'sqs' || arn.resource.includes(':')) {
    throw invalidParameter('SQS endpoint ARN');
  }
  if (isFifoName(arn.resource) && !topic.fifo) {
    throw invalidParameter(
      'Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics',
    );
  }
}

function checkUrl(scheme: string, endpoint: string, { checkTarget }: SnsContext): void {
  if (!endpoint.startsWith(`${scheme}//`)) {
    throw invalidParameter('Endpoint must match the specified protocol');
  }
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url === undefined || url.protocol !== scheme || url.hostname === '') {
    throw invalidParameter('HTTP(S) Endpoint', 'it is no URL');
  }
  const refusal = checkTarget(url);
  if (refusal !== undefined) throw invalidParameter('Endpoint', refusal);
}

function checkFunction(endpoint: string, { options }: SnsContext): void {
  const arn = parseArn(endpoint);
  const [kind, name] = arn?.resource.split(':') ?? [];
  if (arn?.service !== 'lambda' || kind !== 'function' || !name) {
    throw invalidParameter('Lambda endpoint ARN');
  }
  const { lambdaEndpoints } = options.sns;
  if (lambdaEndpoints.has(name) || lambdaEndpoints.has('*')) return;
  throw invalidParameter(
    'Endpoint',
    `this broker does not know where the function ${name} is invoked; name its URL in the setting sns.lambdaEndpoints (${name}=http://…)`,
  );
}

function checkEmail(endpoint: string, { smtpUrl, emailFrom }: SnsOptions): void {
  if (!EMAIL.test(endpoint)) throw invalidParameter('Email address');
  if (smtpUrl === '') throw notConfigured('email', 'sns.smtpUrl');
  if (emailFrom === '') throw notConfigured('email', 'sns.emailFrom');
}

function checkThere(
  protocol: 'kafka' | 'amqp',
  endpoint: string,
  { broker }: SnsContext,
  refusal: string,
): void {
  const destination = namedDestination({ id: '', protocol, endpoint });
  if (destination.name === '' || !exists(broker, destination)) {
    throw invalidParameter('Endpoint', `${refusal}; declare it first`);
  }
}

function invalidSmsEndpoint(endpoint: string): AwsError {
  const error = invalidParameter('');
  error.message = `Invalid SMS endpoint: ${endpoint}`;
  return error;
}

function notConfigured(protocol: string, setting: string): AwsError {
  return invalidParameter(
    'Protocol',
    `this broker delivers no ${protocol} until the setting ${setting} is given`,
  );
}

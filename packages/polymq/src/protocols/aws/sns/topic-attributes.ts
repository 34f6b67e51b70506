/**
 * The attributes of a topic, one row each: which values are allowed, when they can be set, and what is shown without one. They
 * are kept as the texts that clients gave.
 */

import { checkedTopicPolicy, effectiveTopicPolicy } from './delivery/policy/effective-policy.ts';
import { invalidParameter } from './errors.ts';
import { parseObject } from './json-value.ts';
import type { SignatureVersion } from './signing/signer.ts';

export type AttributeTexts = Readonly<Record<string, string>>;

interface AttributeRow {
  /** The text to keep. Throws for one that is no value of this attribute. */
  readonly check: (text: string, name: string) => string;
  /** Set once, with CreateTopic. */
  readonly fixed?: boolean;
  readonly fifoOnly?: boolean;
}

const DISPLAY_NAME_LENGTH_MAX = 100;
const POLICY_LENGTH_MAX = 30_720;

/** Where AWS has 1, which is SHA-1: whoever verifies reads the version from the message. */
const DEFAULT_SIGNATURE_VERSION: SignatureVersion = '2';

const boolean = (text: string, name: string): string => {
  if (/^(true|false)$/i.test(text)) return text.toLowerCase();
  throw invalidParameter(`${name}: Invalid value [${text}]. Must be true or false.`);
};
const oneOf =
  (...values: readonly string[]) =>
  (text: string, name: string): string => {
    if (values.includes(text)) return text;
    throw invalidParameter(
      `${name}: Invalid value [${text}]. Must be one of ${values.join(', ')}.`,
    );
  };
const anyText = (text: string, name: string): string => {
  if (text.length <= 2_048) return text;
  throw invalidParameter(`${name}: must be at most 2048 characters long`);
};
const sampleRate = (text: string, name: string): string => {
  if (text === '' || (/^\d{1,3}$/.test(text) && Number(text) <= 100)) return text;
  throw invalidParameter(`${name}: Invalid value [${text}]. Must be from 0 to 100.`);
};

const FEEDBACK: readonly (readonly [string, AttributeRow])[] = [
  'HTTP',
  'SQS',
  'Lambda',
  'Firehose',
  'Application',
].flatMap((kind) => [
  [`${kind}SuccessFeedbackRoleArn`, { check: anyText }] as const,
  [`${kind}SuccessFeedbackSampleRate`, { check: sampleRate }] as const,
  [`${kind}FailureFeedbackRoleArn`, { check: anyText }] as const,
]);

const ROWS: ReadonlyMap<string, AttributeRow> = new Map<string, AttributeRow>([
  ['DisplayName', { check: displayName }],
  ['Policy', { check: policy }],
  ['DeliveryPolicy', { check: (text) => (text === '' ? '' : checkedTopicPolicy(text)) }],
  ['KmsMasterKeyId', { check: anyText }],
  ['SignatureVersion', { check: oneOf('1', '2') }],
  ['TracingConfig', { check: oneOf('PassThrough', 'Active') }],
  ['FifoTopic', { check: boolean, fixed: true }],
  ['ContentBasedDeduplication', { check: boolean, fifoOnly: true }],
  ['FifoThroughputScope', { check: oneOf('Topic', 'MessageGroup'), fifoOnly: true }],
  ['ArchivePolicy', { check: noArchive, fifoOnly: true }],
  ...FEEDBACK,
]);

/** Checks what CreateTopic was given and returns what to keep. */
export function checkedNewAttributes(given: AttributeTexts): Record<string, string> {
  const fifo = /^true$/i.test(given['FifoTopic'] ?? '');
  const kept: Record<string, string> = {};
  for (const [name, text] of Object.entries(given)) {
    const row = ROWS.get(name);
    if (row === undefined) throw invalidParameter('Attributes', `Unknown attribute ${name}`);
    if (row.fifoOnly && !fifo) throw invalidParameter('Attributes', `${name} is for FIFO topics`);
    const value = row.check(text, name);
    // A topic that is no FIFO topic does not say so.
    if (value !== '' && !(name === 'FifoTopic' && value === 'false')) kept[name] = value;
  }
  return kept;
}

/** Checks what SetTopicAttributes was given and returns what to keep; '' takes the attribute away. */
export function checkedAttribute(name: string, text: string, fifo: boolean): string {
  const row = ROWS.get(name);
  if (row === undefined || row.fixed || (row.fifoOnly && !fifo)) {
    throw invalidParameter('AttributeName');
  }
  return row.check(text, name);
}

/** What GetTopicAttributes shows beside counts. */
export function shownAttributes(
  attributes: AttributeTexts,
  topic: { arn: string; ownerId: string; fifo: boolean },
): Record<string, string> {
  return {
    Policy: policyOf(attributes, topic),
    Owner: topic.ownerId,
    TopicArn: topic.arn,
    DisplayName: '',
    SignatureVersion: DEFAULT_SIGNATURE_VERSION,
    ...(topic.fifo && { FifoTopic: 'true', ContentBasedDeduplication: 'false' }),
    ...attributes,
    EffectiveDeliveryPolicy: JSON.stringify(effectiveTopicPolicy(attributes['DeliveryPolicy'])),
  };
}

export function signatureVersionOf(attributes: AttributeTexts): SignatureVersion {
  return attributes['SignatureVersion'] === '1' ? '1' : DEFAULT_SIGNATURE_VERSION;
}

/** The policy that was set, else the one that every topic has. */
export function policyOf(
  { Policy }: AttributeTexts,
  { arn, ownerId }: { arn: string; ownerId: string },
): string {
  if (Policy !== undefined) return Policy;
  return JSON.stringify({
    Version: '2008-10-17',
    Id: '__default_policy_ID',
    Statement: [
      {
        Sid: '__default_statement_ID',
        Effect: 'Allow',
        Principal: { AWS: '*' },
        Action: OWNER_ACTIONS,
        Resource: arn,
        Condition: { StringEquals: { 'AWS:SourceOwner': ownerId } },
      },
    ],
  });
}

const OWNER_ACTIONS = [
  'SNS:GetTopicAttributes',
  'SNS:SetTopicAttributes',
  'SNS:AddPermission',
  'SNS:RemovePermission',
  'SNS:DeleteTopic',
  'SNS:Subscribe',
  'SNS:ListSubscriptionsByTopic',
  'SNS:Publish',
];

function displayName(text: string): string {
  if (text.length <= DISPLAY_NAME_LENGTH_MAX && !/\p{Cc}/u.test(text)) return text;
  throw invalidParameter(
    `DisplayName: must be at most ${DISPLAY_NAME_LENGTH_MAX} characters long, without control characters`,
  );
}

/** Stored, and shown again; nobody is let in or kept out by it. */
function policy(text: string): string {
  if (text === '') return '';
  if (text.length > POLICY_LENGTH_MAX) {
    throw invalidParameter(`Policy: must be at most ${POLICY_LENGTH_MAX} characters long`);
  }
  return JSON.stringify(parseObject('Policy', text));
}

function noArchive(text: string): string {
  if (text === '' || text === '{}') return '';
  throw invalidParameter(
    'ArchivePolicy',
    'this broker keeps no archive of topics; subscribe a stream (protocol kafka) to keep messages and read them again',
  );
}

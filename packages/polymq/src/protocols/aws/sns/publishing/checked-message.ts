/**
 * A message as clients publish it: what is checked, in the order of AWS, since the first thing that is wrong is what is answered;
 * and what is kept of it.
 */

import type { MessageAttributes } from '../../message/attributes.ts';
import { contentId } from '../../message/fifo.ts';
import type { AwsOptions } from '../../options.ts';
import { invalidParameter } from '../errors.ts';
import { isObject } from '../json-value.ts';
import type { Topic } from '../topics.ts';
import { attributesBytes, checkedAttributes, type GivenAttributes } from './check-attributes.ts';

/** What Publish and the entries of PublishBatch share. */
export interface MessageInput {
  Message: string;
  Subject?: string;
  MessageStructure?: string;
  MessageAttributes?: GivenAttributes;
  MessageDeduplicationId?: string;
  MessageGroupId?: string;
}

export interface CheckedMessage {
  /** For all endpoints that `structure` has nothing for. */
  body: string;
  /** JSON: protocol → body. */
  structure: string | undefined;
  subject: string | undefined;
  attributes: MessageAttributes | undefined;
  groupId: string | undefined;
  /** Set where it counts: in FIFO topics. */
  deduplicationId: string | undefined;
}

const SUBJECT_LENGTH_MAX = 100;
/** Lengths and characters of group ids and deduplication ids. */
const FIFO_ID = /^[A-Za-z0-9!-/:-@[-`{-~]{1,128}$/;

/** What counts towards the largest message, and the largest batch. */
export function messageBytes({ Message, MessageAttributes }: MessageInput): number {
  const bytes = Buffer.byteLength(Message);
  return MessageAttributes === undefined ? bytes : bytes + attributesBytes(MessageAttributes);
}

/** `topic`: undefined if it goes to a phone number. */
export function checkMessage(
  input: MessageInput,
  topic: Topic | undefined,
  { messageBytesMax }: Pick<AwsOptions, 'messageBytesMax'>,
): CheckedMessage {
  const { Message: text, Subject: subject, MessageAttributes: given } = input;
  if (subject !== undefined) checkSubject(subject);
  if (text === '') throw invalidParameter('Empty message');
  const attributes = given === undefined ? undefined : checkedAttributes(given);
  if (messageBytes(input) > messageBytesMax) throw invalidParameter('Message too long');
  const ids = idsOf(input, topic);
  const common = { subject, attributes, ...ids };
  if (input.MessageStructure === undefined || input.MessageStructure === '') {
    return { ...common, body: text, structure: undefined };
  }
  if (input.MessageStructure !== 'json') throw invalidParameter('MessageStructure');
  const { default: body, ...others } = bodiesOf(text);
  if (body === undefined) {
    throw invalidParameter('Message Structure - No default entry in JSON message body');
  }
  return { ...common, body, structure: JSON.stringify(others) };
}

function checkSubject(subject: string): void {
  const wrong = subject === '' || subject.length > SUBJECT_LENGTH_MAX || /\p{Cc}/u.test(subject);
  if (wrong) throw invalidParameter('Subject');
}

function idsOf(
  { Message, MessageGroupId, MessageDeduplicationId }: MessageInput,
  topic: Topic | undefined,
): Pick<CheckedMessage, 'groupId' | 'deduplicationId'> {
  const groupId = MessageGroupId === '' ? undefined : MessageGroupId;
  if (groupId !== undefined) checkId('MessageGroupId', groupId);
  if (!topic?.fifo) {
    if (MessageDeduplicationId === undefined) return { groupId, deduplicationId: undefined };
    throw invalidParameter(
      'MessageDeduplicationId',
      'The request includes MessageDeduplicationId parameter that is not valid for this topic type',
    );
  }
  if (groupId === undefined) {
    throw invalidParameter('The MessageGroupId parameter is required for FIFO topics');
  }
  if (MessageDeduplicationId !== undefined) {
    checkId('MessageDeduplicationId', MessageDeduplicationId);
    return { groupId, deduplicationId: MessageDeduplicationId };
  }
  if (topic.attributes['ContentBasedDeduplication'] !== 'true') {
    throw invalidParameter(
      'The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
    );
  }
  return { groupId, deduplicationId: contentId(Message) };
}

function checkId(name: string, id: string): void {
  if (FIFO_ID.test(id)) return;
  throw invalidParameter(
    name,
    `${name} can only include alphanumeric and punctuation characters. 1 to 128 in length`,
  );
}

/** Values that are no texts count for nothing. */
function bodiesOf(text: string): Record<string, string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalidParameter('Message Structure - JSON message body failed to parse');
  }
  if (!isObject(value)) {
    throw invalidParameter('Message Structure - No default entry in JSON message body');
  }
  const entries = Object.entries(value).filter(([, body]) => typeof body === 'string');
  return Object.fromEntries(entries) as Record<string, string>;
}

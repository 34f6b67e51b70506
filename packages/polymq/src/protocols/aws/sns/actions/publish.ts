/**
 * Publish and PublishBatch. Everything that can be wrong with a message is found before it is published, in a batch with all of
 * them; both answer when what was published is safe with all queues and streams that it goes to.
 */
import type { AwsCall } from '../../call.ts';
import { AwsError, type BatchFailure, batchFailure, toAwsError } from '../../wire/index.ts';
import { topicArnOf } from '../arns.ts';
import type { SnsContext } from '../context.ts';
import { isPhoneNumber } from '../endpoint-rules.ts';
import { invalidParameter } from '../errors.ts';
import {
  type CheckedMessage,
  checkMessage,
  type MessageInput,
  messageBytes,
} from '../publishing/checked-message.ts';
import type { Published, TopicPublisher } from '../publishing/publisher.ts';
import type { Topic } from '../topics.ts';
import { topicOf } from './topics.ts';

export interface PublishInput extends MessageInput {
  TopicArn?: string;
  TargetArn?: string;
  PhoneNumber?: string;
}

interface BatchEntry extends MessageInput {
  Id: string;
}

export interface PublishBatchInput {
  TopicArn: string;
  PublishBatchRequestEntries: readonly BatchEntry[];
}

const ENTRIES_MAX = 10;
const ENTRY_ID_LENGTH_MAX = 80;
const ENTRY_ID = /^[A-Za-z0-9_-]+$/;

export async function publish(
  context: SnsContext,
  publisher: TopicPublisher,
  input: PublishInput,
  call: AwsCall,
): Promise<Published> {
  if (input.PhoneNumber !== undefined) return sendSms(context, input, input.PhoneNumber);
  refuseIfShort(context);
  const topic = targetOf(context, input, call);
  const message = checkMessage(input, topic, context.options);
  if (!context.subscriptions.isSettled(topic.name)) await context.subscriptions.settle(topic.name);
  const published = publisher.publish(sendingOf(topic, message, call));
  await publisher.durable();
  return published;
}

export async function publishBatch(
  context: SnsContext,
  publisher: TopicPublisher,
  { TopicArn, PublishBatchRequestEntries: entries }: PublishBatchInput,
  call: AwsCall,
): Promise<object> {
  refuseIfShort(context);
  const topic = topicOf(context, TopicArn, call);
  checkEntries(entries, context.options.messageBytesMax);
  const messages = entries.map((entry) => checkMessage(entry, topic, context.options));
  if (!context.subscriptions.isSettled(topic.name)) await context.subscriptions.settle(topic.name);
  const Successful: ({ Id: string } & Published)[] = [];
  const Failed: BatchFailure[] = [];
  entries.forEach(({ Id }, index) => {
    try {
      const sending = sendingOf(topic, messages[index]!, call);
      Successful.push({ Id, ...publisher.publish(sending) });
    } catch (error: unknown) {
      Failed.push(batchFailure('sns', Id, toAwsError(error, 'sns')));
    }
  });
  await publisher.durable();
  return { Successful, Failed };
}

/** A topic may be named as a target too. */
function targetOf(context: SnsContext, input: PublishInput, call: AwsCall): Topic {
  const { TopicArn, TargetArn } = input;
  if (TargetArn?.includes(':endpoint/')) {
    throw invalidParameter('TargetArn', 'No endpoint found for the target arn specified');
  }
  return topicOf(context, TopicArn ?? TargetArn, call);
}

function sendingOf(topic: Topic, message: CheckedMessage, call: AwsCall) {
  return {
    topic,
    topicArn: topicArnOf(topic.name, call),
    message,
    traceHeader: call.exchange.request.header('x-amzn-trace-id'),
  };
}

/** Publishers wait while memory or disk is short; SDKs try again. */
function refuseIfShort({ broker }: SnsContext): void {
  const { reason } = broker.alarms;
  if (reason === undefined) return;
  throw new AwsError(
    'Throttled',
    `The broker is ${reason}: try again when consumers have caught up.`,
  );
}

function checkEntries(entries: readonly BatchEntry[], bytesMax: number): void {
  if (entries.length === 0) {
    throw new AwsError('EmptyBatchRequest', "The batch request doesn't contain any entries.");
  }
  if (entries.length > ENTRIES_MAX) {
    throw new AwsError(
      'TooManyEntriesInBatchRequest',
      'The batch request contains more entries than permissible.',
    );
  }
  const ids = entries.map(({ Id }) => Id);
  for (const id of ids) checkEntryId(id);
  if (new Set(ids).size < ids.length) {
    throw new AwsError(
      'BatchEntryIdsNotDistinct',
      'Two or more batch entries in the request have the same Id.',
    );
  }
  const bytes = entries.reduce((sum, entry) => sum + messageBytes(entry), 0);
  if (bytes > bytesMax) {
    throw new AwsError(
      'BatchRequestTooLong',
      'The length of all the messages put together is more than the limit.',
    );
  }
}

function checkEntryId(id: string): void {
  if (id.length > ENTRY_ID_LENGTH_MAX) {
    throw new AwsError(
      'InvalidBatchEntryId',
      `The Id of a batch entry in the batch request is too long: ${id}`,
    );
  }
  if (!ENTRY_ID.test(id)) {
    throw new AwsError(
      'InvalidBatchEntryId',
      `The Id of a batch entry in the batch request contains an impermissible character: ${id}`,
    );
  }
}

async function sendSms(
  context: SnsContext,
  input: PublishInput,
  phoneNumber: string,
): Promise<Published> {
  if (input.TopicArn !== undefined || input.TargetArn !== undefined) {
    throw invalidParameter('PhoneNumber', 'it cannot be given together with TopicArn or TargetArn');
  }
  if (!isPhoneNumber(phoneNumber)) {
    throw invalidParameter('PhoneNumber', `${phoneNumber} is not valid to publish to`);
  }
  if (context.options.sns.smsWebhook === '') {
    throw invalidParameter(
      'PhoneNumber',
      'this broker sends no text messages until the setting sns.smsWebhook is given',
    );
  }
  const { random, clock } = context.environment;
  const { body, subject, attributes } = checkMessage(input, undefined, context.options);
  const messageId = random.uuid();
  await context.workers.sendSms(phoneNumber, {
    properties: {
      messageId,
      ...(subject !== undefined && { subject }),
      ...(attributes !== undefined && { attributes: JSON.stringify(attributes) }),
    },
    body,
    publishedMs: clock.nowMs(),
  });
  return { MessageId: messageId };
}

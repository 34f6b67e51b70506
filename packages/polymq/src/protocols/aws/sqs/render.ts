/**
 * How a message looks to a reader over SQS, whoever has sent it. What a topic has sent comes in its envelope, unless the
 * subscription is raw; what another protocol has sent shows its headers as message attributes.
 */
import { isUtf8 } from 'node:buffer';
import { readHistory } from '../../../core/message/history.ts';
import type { MessageView } from '../../../core/message/message-bytes.ts';
import type { Queue } from '../../../core/queue/queue.ts';
import { formatArn, parseArn } from '../arn.ts';
import type { AwsCall } from '../call.ts';
import type { MessageAttributes } from '../message/attributes.ts';
import { AWS_FORMAT_ID, attributesOf, propertiesFrom } from '../message/format.ts';
import { md5Of, md5OfAttributes } from '../message/md5.ts';
import { derivedId } from '../message/message-id.ts';
import { type MessageProperties, readMessageProperties } from '../message/properties.ts';
import { hasForbiddenCharacter } from '../message/text.ts';
import type { SqsContext } from './context.ts';
import type { Wanted } from './wanted.ts';

/** As ReceiveMessage answers it. */
export interface SqsMessage {
  MessageId: string;
  ReceiptHandle: string;
  MD5OfBody: string;
  Body: string;
  Attributes?: Readonly<Record<string, string>>;
  MD5OfMessageAttributes?: string;
  MessageAttributes?: MessageAttributes;
}

/** A message taken out of the memory it lay in. */
export interface TakenMessage {
  readonly properties: MessageProperties;
  readonly body: string;
  readonly publishedMs: number;
  readonly groupId: string | undefined;
  /** The queue that it died in last. */
  readonly deadLetterSource: string | undefined;
  /** The queue that it came to first, and the exchange over which. */
  readonly firstQueue: string;
  readonly firstExchange: string;
}

/** What becomes of bytes that are no text. */
const ENCODING_ATTRIBUTE = 'polymq-body-encoding';

/** Copies what is needed of the message in `view`. */
export function readMessage(
  { broker }: Pick<SqsContext, 'broker'>,
  queue: Queue,
  row: number,
  view: MessageView,
): TakenMessage {
  const own = view.format === AWS_FORMAT_ID;
  const history = view.hasHistory ? readHistory(view.historyJson) : [];
  const properties = own
    ? readMessageProperties(view.properties)
    : propertiesFrom(
        broker.formats.neutralOf(view),
        derivedId(queue.id, queue.seq(row), view.publishedMs),
      );
  return {
    properties,
    body: own ? view.body.toString('utf8') : foreignBody(view.body, properties),
    publishedMs: view.publishedMs,
    groupId: properties.groupId ?? queue.groupIdOf(row),
    deadLetterSource: history[0]?.queue,
    firstQueue: history.at(-1)?.queue ?? queue.name,
    firstExchange: history.at(-1)?.exchange ?? view.exchange,
  };
}

/** What is sent on when the message moves to another queue: what readers see, as a message of its own. */
export interface ShownMessage {
  messageId: string;
  body: string;
  attributes: MessageAttributes;
  md5OfBody: string;
}

/** Resolves what the reader sees. A promise only where an envelope has to be signed. */
export function showMessage(
  { topics }: Pick<SqsContext, 'topics'>,
  message: TakenMessage,
  call: Pick<AwsCall, 'origin'>,
): ShownMessage | Promise<ShownMessage> {
  const { properties, body, firstQueue, firstExchange } = message;
  const { published = false } = properties;
  if (!published && firstExchange === '') return shownAsIs(message);
  const topicName = parseArn(properties.topicArn ?? '')?.resource ?? firstExchange;
  const envelope = topics.envelopeFor(message, { topicName, queueName: firstQueue }, call);
  if (envelope === undefined && !published) return shownAsIs(message);
  const messageId = published ? derivedId(properties.messageId, firstQueue) : properties.messageId;
  if (envelope !== undefined) {
    return envelope.then((text) => ({
      messageId,
      body: text,
      attributes: {},
      md5OfBody: md5Of(text),
    }));
  }
  const raw = rawBody(properties, body);
  const attributes = attributesOf(properties.attributes);
  return { messageId, body: raw, attributes, md5OfBody: md5Of(raw) };
}

function shownAsIs({ properties, body }: TakenMessage): ShownMessage {
  return {
    messageId: properties.messageId,
    body,
    attributes: attributesOf(properties.attributes),
    md5OfBody: properties.md5OfBody ?? md5Of(body),
  };
}

/** What ReceiveMessage answers for it. */
export function sqsMessage(
  shown: ShownMessage,
  receiptHandle: string,
  wanted: Wanted,
  system: Readonly<Record<string, string>>,
): SqsMessage {
  const message: SqsMessage = {
    MessageId: shown.messageId,
    ReceiptHandle: receiptHandle,
    MD5OfBody: shown.md5OfBody,
    Body: shown.body,
  };
  if (wanted.system.size > 0) message.Attributes = system;
  const attributes = wanted.attributesOf(shown.attributes);
  const md5 = attributes === undefined ? undefined : md5OfAttributes(attributes);
  if (md5 !== undefined) {
    message.MD5OfMessageAttributes = md5;
    message.MessageAttributes = attributes!;
  }
  return message;
}

/** The system attributes that were asked for. */
export function systemAttributes(
  message: TakenMessage,
  facts: { attempts: number; firstTakenMs: number },
  wanted: Wanted,
  call: Pick<AwsCall, 'region' | 'accountId'>,
): Record<string, string> {
  const { properties, publishedMs, groupId, deadLetterSource } = message;
  const { region, accountId } = call;
  const all: Record<string, string | undefined> = {
    SenderId: properties.senderId ?? accountId,
    SentTimestamp: String(Math.floor(publishedMs)),
    ApproximateReceiveCount: String(facts.attempts),
    ApproximateFirstReceiveTimestamp: String(Math.floor(facts.firstTakenMs)),
    SequenceNumber: properties.sequenceNumber,
    MessageDeduplicationId: properties.deduplicationId,
    MessageGroupId: groupId,
    AWSTraceHeader: properties.traceHeader,
    DeadLetterQueueSourceArn:
      deadLetterSource === undefined
        ? undefined
        : formatArn({ service: 'sqs', region, accountId, resource: deadLetterSource }),
  };
  const shown: Record<string, string> = {};
  for (const name of wanted.system) {
    const value = all[name];
    if (value !== undefined) shown[name] = value;
  }
  return shown;
}

function rawBody({ structure }: MessageProperties, body: string): string {
  if (structure === undefined) return body;
  const bodies = JSON.parse(structure) as Record<string, string>;
  return Object.hasOwn(bodies, 'sqs') ? bodies['sqs']! : body;
}

function foreignBody(bytes: Buffer, properties: MessageProperties): string {
  if (isUtf8(bytes)) {
    const text = bytes.toString('utf8');
    if (!hasForbiddenCharacter(text)) return text;
  }
  const attributes = attributesOf(properties.attributes);
  properties.attributes = JSON.stringify({
    ...attributes,
    [ENCODING_ATTRIBUTE]: { DataType: 'String', StringValue: 'base64' },
  });
  return bytes.toString('base64');
}

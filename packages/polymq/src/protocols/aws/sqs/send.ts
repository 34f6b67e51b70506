/**
 * SendMessage: checks, deduplication, one message in the core. Sending is done when this returns, and durable when the
 * journal has come as far as it stood right after.
 */
import { MessageDraft } from '../../../core/message/message-draft.ts';
import type { Queue } from '../../../core/queue/queue.ts';
import type { AwsCall } from '../call.ts';
import { checkMessageAttributes, type GivenAttribute } from '../message/check-attributes.ts';
import { contentId, fifoMessageId, queueScope, sequenceText } from '../message/fifo.ts';
import { AWS_FORMAT_ID } from '../message/format.ts';
import { md5Of, md5OfAttributes } from '../message/md5.ts';
import { type MessageProperties, writeMessageProperties } from '../message/properties.ts';
import { hasForbiddenCharacter } from '../message/text.ts';
import { AwsError } from '../wire/index.ts';
import type { SqsContext } from './context.ts';
import { SQS } from './limits.ts';
import { type SqsQueue, sqsQueueOf } from './sqs-queue.ts';

/** The input of SendMessage, and an entry of SendMessageBatch. */
export interface SendInput {
  MessageBody?: string;
  DelaySeconds?: number;
  MessageAttributes?: Readonly<Record<string, GivenAttribute>>;
  MessageSystemAttributes?: Readonly<Record<string, GivenAttribute>>;
  MessageDeduplicationId?: string;
  MessageGroupId?: string;
}

export interface SendResult {
  MessageId: string;
  MD5OfMessageBody: string;
  MD5OfMessageAttributes?: string;
  MD5OfMessageSystemAttributes?: string;
  SequenceNumber?: string;
}

/** Where a message stands in a FIFO queue. */
interface FifoPlace {
  /** It was sent before. */
  readonly known: boolean;
  readonly scope: string;
  readonly id: string;
  readonly number: number;
}

const ID_TEXT = /^[\x21-\x7e]{1,128}$/;
const TRACE_HEADER = 'AWSTraceHeader';
const SECOND_MS = 1_000;

export class Sender {
  readonly #context: SqsContext;
  /** One serves all: publishing never waits. */
  readonly #draft: MessageDraft = new MessageDraft();

  constructor(context: SqsContext) {
    this.#context = context;
  }

  /** Throws `AwsError` or `BrokerError`: then nothing was sent. */
  send(queue: Queue, input: SendInput, call: AwsCall): SendResult {
    const sqs = sqsQueueOf(queue);
    const body = checkBody(input.MessageBody);
    const { attributes, bytes } = checkMessageAttributes(
      input.MessageAttributes ?? {},
      SQS.messageAttributesMax,
    );
    const bodyBytes = Buffer.byteLength(body);
    this.#checkSize(bodyBytes + bytes, sqs);
    const system = checkSystemAttributes(input.MessageSystemAttributes);
    const md5OfBody = md5Of(body);
    const md5 = md5OfAttributes(attributes);
    const result: SendResult = { MessageId: '', MD5OfMessageBody: md5OfBody };
    if (md5 !== undefined) result.MD5OfMessageAttributes = md5;
    if (system !== undefined) result.MD5OfMessageSystemAttributes = system.md5;
    const properties: MessageProperties = {
      messageId: '',
      senderId: call.accessKeyId,
      md5OfBody,
      ...(md5 === undefined
        ? undefined
        : { attributes: JSON.stringify(attributes), md5OfAttributes: md5 }),
      ...(system === undefined ? undefined : { traceHeader: system.traceHeader }),
      ...(input.MessageGroupId === undefined
        ? undefined
        : { groupId: checkId('MessageGroupId', input.MessageGroupId) }),
    };
    const dueMs = this.#dueMs(sqs, input.DelaySeconds);
    if (!sqs.fifo) {
      if (input.MessageDeduplicationId !== undefined) {
        throw notForThisType('MessageDeduplicationId', input.MessageDeduplicationId);
      }
      properties.messageId = this.#context.environment.random.uuid();
      this.#publish(queue, sqs, properties, body, dueMs);
      return answered(result, properties);
    }
    const place = this.#placeOf(queue, sqs, properties, deduplicationIdOf(sqs, body, input));
    if (!place.known) {
      this.#publish(queue, sqs, properties, body, dueMs);
      // In the same turn, so in the same commit; and not if the queue refuses the message.
      this.#context.broker.dedup.remember(place.scope, place.id, place.number);
    }
    return answered(result, properties);
  }

  /** Puts a message into a queue as it is, such as one that moves from another. */
  publish(queue: Queue, properties: MessageProperties, body: string): void {
    this.#publish(queue, sqsQueueOf(queue), properties, body, 0);
  }

  /** Completes the properties by the place of the message in its FIFO queue, or of the one that it repeats. */
  #placeOf(queue: Queue, sqs: SqsQueue, properties: MessageProperties, id: string): FifoPlace {
    const { dedup } = this.#context.broker;
    const { groupId } = properties;
    const scope = queueScope(queue.id, sqs.deduplicatesPerGroup ? groupId : undefined);
    const earlier = dedup.find(scope, id);
    const number = earlier ?? dedup.nextNumber();
    properties.deduplicationId = id;
    properties.sequenceNumber = sequenceText(number);
    properties.messageId = fifoMessageId(scope, number);
    return { known: earlier !== undefined, scope, id, number };
  }

  #publish(
    queue: Queue,
    sqs: SqsQueue,
    properties: MessageProperties,
    body: string,
    dueMs: number,
  ): void {
    const { broker, environment } = this.#context;
    const draft = this.#draft;
    draft.format = AWS_FORMAT_ID;
    draft.persistent = true;
    draft.publishedMs = environment.clock.nowMs();
    draft.dueMs = dueMs;
    draft.groupId = properties.groupId;
    draft.names = sqs.names;
    draft.namesStart = 0;
    draft.namesEnd = sqs.names.length;
    draft.setContent(writeMessageProperties(properties), Buffer.from(body, 'utf8'));
    const refused = broker.queues.publish(draft, [queue]);
    draft.clear();
    if (refused > 0) {
      throw new AwsError(
        'OverLimit',
        `The queue ${queue.name} is full: it was declared with a limit and refuses more messages.`,
      );
    }
  }

  #checkSize(bytes: number, sqs: SqsQueue): void {
    const bytesMax = Math.min(sqs.messageBytesMax, this.#context.options.messageBytesMax);
    if (bytes <= bytesMax) return;
    throw new AwsError(
      'InvalidParameterValue',
      `One or more parameters are invalid. Reason: Message must be shorter than ${bytesMax} bytes.`,
    );
  }

  /** 0: what the queue says. */
  #dueMs(sqs: SqsQueue, delaySeconds: number | undefined): number {
    if (delaySeconds === undefined) return 0;
    if (delaySeconds < 0 || delaySeconds > SQS.delaySecondsMax) {
      throw new AwsError(
        'InvalidParameterValue',
        `Value ${delaySeconds} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= ${SQS.delaySecondsMax}.`,
      );
    }
    if (sqs.fifo) {
      if (delaySeconds > 0) throw notForThisType('DelaySeconds', String(delaySeconds));
      return 0;
    }
    // A time that has come already overrides the delay of the queue.
    if (delaySeconds === 0 && sqs.delayMs === 0) return 0;
    return this.#context.environment.clock.nowMs() + delaySeconds * SECOND_MS;
  }
}

/** The sizes of all entries together, as the limit on batches counts them. */
export function batchBytes(entries: readonly SendInput[]): number {
  let bytes = 0;
  for (const { MessageBody, MessageAttributes } of entries) {
    bytes += Buffer.byteLength(MessageBody ?? '');
    for (const [name, { DataType, StringValue, BinaryValue }] of Object.entries(
      MessageAttributes ?? {},
    )) {
      bytes += Buffer.byteLength(name) + Buffer.byteLength(DataType ?? '');
      bytes += Buffer.byteLength(StringValue ?? '');
      bytes += Buffer.byteLength(BinaryValue ?? '', 'base64');
    }
  }
  return bytes;
}

function answered(result: SendResult, properties: MessageProperties): SendResult {
  result.MessageId = properties.messageId;
  if (properties.sequenceNumber !== undefined) result.SequenceNumber = properties.sequenceNumber;
  return result;
}

function checkBody(body: string | undefined): string {
  if (body === undefined || body === '') {
    throw new AwsError('MissingParameter', 'The request must contain the parameter MessageBody.');
  }
  if (!hasForbiddenCharacter(body)) return body;
  throw new AwsError(
    'InvalidMessageContents',
    'Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF',
  );
}

function checkSystemAttributes(
  given: SendInput['MessageSystemAttributes'],
): { traceHeader: string; md5: string } | undefined {
  if (given === undefined || Object.keys(given).length === 0) return undefined;
  for (const name of Object.keys(given)) {
    if (name !== TRACE_HEADER) {
      throw new AwsError(
        'InvalidParameterValue',
        `Message system attribute name '${name}' is invalid; there is ${TRACE_HEADER}.`,
      );
    }
  }
  const { attributes } = checkMessageAttributes(given, 1);
  const trace = attributes[TRACE_HEADER]!;
  if (trace.DataType !== 'String') {
    throw new AwsError(
      'InvalidParameterValue',
      `The message system attribute '${TRACE_HEADER}' must be of type String.`,
    );
  }
  return { traceHeader: trace.StringValue!, md5: md5OfAttributes(attributes)! };
}

function deduplicationIdOf(
  sqs: SqsQueue,
  body: string,
  { MessageGroupId: groupId, MessageDeduplicationId: given }: SendInput,
): string {
  if (groupId === undefined) {
    throw new AwsError(
      'MissingParameter',
      'The request must contain the parameter MessageGroupId.',
    );
  }
  if (given !== undefined) return checkId('MessageDeduplicationId', given);
  if (sqs.contentBasedDeduplication) return contentId(body);
  throw new AwsError(
    'InvalidParameterValue',
    'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
  );
}

/** Throws what AWS answers to an id with characters that are not allowed. */
export function checkId(name: string, id: string): string {
  if (ID_TEXT.test(id)) return id;
  throw new AwsError(
    'InvalidParameterValue',
    `Value ${id} for parameter ${name} is invalid. Reason: ${name} can only include alphanumeric and punctuation characters. 1 to 128 in length.`,
  );
}

function notForThisType(name: string, value: string): AwsError {
  return new AwsError(
    'InvalidParameterValue',
    `Value ${value} for parameter ${name} is invalid. Reason: The request include parameter that is not valid for this queue type.`,
  );
}

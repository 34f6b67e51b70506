/**
 * Properties of SQS and SNS in the words that all protocols share, and back. Message attributes are headers; a data type that
 * its value does not tell (`Number.int`) stands in the header `aws-type-<name>`.
 */
import type { MessageFormat } from '../../../core/message/message-format.ts';
import type {
  NeutralHeader,
  NeutralMessage,
  NeutralValue,
} from '../../../core/message/neutral-message.ts';
import type { MessageAttribute, MessageAttributes } from './attributes.ts';
import {
  type MessageProperties,
  readMessageProperties,
  writeMessageProperties,
} from './properties.ts';

/** Stored with every message. */
export const AWS_FORMAT_ID = 2;

const TYPE_HEADER = 'aws-type-';
/** Parts of a message of SQS or SNS that others know as headers. */
const HEADER_OF = {
  groupId: 'aws-message-group-id',
  deduplicationId: 'aws-message-deduplication-id',
  sequenceNumber: 'aws-sequence-number',
  traceHeader: 'aws-trace-header',
  subject: 'aws-subject',
  topicArn: 'aws-topic-arn',
} as const satisfies Partial<Record<keyof MessageProperties, string>>;

type HeaderProperty = keyof typeof HEADER_OF;
const HEADER_PROPERTIES = Object.entries(HEADER_OF) as readonly (readonly [
  HeaderProperty,
  string,
])[];

export const awsFormat: MessageFormat = {
  id: AWS_FORMAT_ID,
  name: 'aws',
  toNeutral(stored) {
    const properties = readMessageProperties(stored);
    const { messageId, senderId } = properties;
    return {
      headers: neutralHeaders(properties),
      messageId,
      ...(senderId === undefined ? {} : { userId: senderId }),
      persistent: true,
    };
  },
  fromNeutral(message) {
    return writeMessageProperties(propertiesFrom(message, ZERO_ID));
  },
  headers(stored) {
    const { attributes } = readMessageProperties(stored);
    const entries = Object.entries(attributesOf(attributes)).map(
      ([name, attribute]) => [name, routableValue(attribute)] as const,
    );
    return new Map<string, unknown>(entries);
  },
};

const ZERO_ID = '00000000-0000-0000-0000-000000000000';

export function attributesOf(json: string | undefined): MessageAttributes {
  return json === undefined ? {} : (JSON.parse(json) as MessageAttributes);
}

/** What exchanges route by: numbers as numbers, arrays as arrays. */
export function routableValue({ DataType, StringValue, BinaryValue }: MessageAttribute): unknown {
  if (BinaryValue !== undefined) return Buffer.from(BinaryValue, 'base64');
  const text = StringValue ?? '';
  if (DataType === 'Number' || DataType.startsWith('Number.')) return Number(text);
  return DataType === 'String.Array' ? parsedArray(text) : text;
}

/** How a message that another protocol has sent looks to readers of SQS and SNS. */
export function propertiesFrom(message: NeutralMessage, messageId: string): MessageProperties {
  const properties: MessageProperties = { messageId };
  if (message.userId !== undefined) properties.senderId = message.userId;
  const types = new Map<string, string>();
  const attributes: Record<string, MessageAttribute> = Object.create(null) as Record<
    string,
    MessageAttribute
  >;
  for (const { name, value } of message.headers) {
    const property = HEADER_PROPERTIES.find(([, header]) => header === name)?.[0];
    if (property !== undefined && typeof value === 'string') properties[property] = value;
    else if (name.startsWith(TYPE_HEADER)) types.set(name.slice(TYPE_HEADER.length), String(value));
    else attributes[name] = attributeOf(value);
  }
  for (const [name, type] of types) {
    const attribute = attributes[name];
    if (attribute !== undefined && canBe(attribute, type)) attribute.DataType = type;
  }
  addWellKnown(attributes, message);
  if (Object.keys(attributes).length > 0) properties.attributes = JSON.stringify(attributes);
  return properties;
}

const WELL_KNOWN = [
  'contentType',
  'contentEncoding',
  'correlationId',
  'replyTo',
  'type',
  'appId',
] as const;

function addWellKnown(attributes: Record<string, MessageAttribute>, message: NeutralMessage): void {
  for (const name of WELL_KNOWN) {
    const value = message[name];
    if (value !== undefined && value !== '')
      attributes[name] ??= { DataType: 'String', StringValue: value };
  }
}

function neutralHeaders(properties: MessageProperties): NeutralHeader[] {
  const headers: NeutralHeader[] = [];
  for (const [name, attribute] of Object.entries(attributesOf(properties.attributes))) {
    const { DataType } = attribute;
    const value = neutralValue(attribute);
    headers.push({ name, value });
    if (attributeOf(value).DataType !== DataType) {
      headers.push({ name: TYPE_HEADER + name, value: DataType });
    }
  }
  for (const [property, name] of HEADER_PROPERTIES) {
    const value = properties[property];
    if (value !== undefined) headers.push({ name, value });
  }
  return headers;
}

function neutralValue({ DataType, StringValue, BinaryValue }: MessageAttribute): NeutralValue {
  if (BinaryValue !== undefined) return Buffer.from(BinaryValue, 'base64');
  const text = StringValue ?? '';
  if (!DataType.startsWith('Number')) return text;
  const number = Number(text);
  // More digits than a number holds stay text.
  return String(number) === text ? number : text;
}

function attributeOf(value: NeutralValue): MessageAttribute {
  if (Buffer.isBuffer(value)) return { DataType: 'Binary', BinaryValue: value.toString('base64') };
  if (typeof value === 'number' || typeof value === 'bigint') {
    return { DataType: 'Number', StringValue: String(value) };
  }
  if (typeof value === 'string') return { DataType: 'String', StringValue: value };
  return { DataType: 'String', StringValue: JSON.stringify(value) };
}

/** Whether the value is one of that type too. */
function canBe({ StringValue, BinaryValue }: MessageAttribute, type: string): boolean {
  const [prefix] = type.split('.', 1);
  if (prefix === 'Binary') return BinaryValue !== undefined;
  if (StringValue === undefined || StringValue === '') return false;
  return prefix === 'String' || (prefix === 'Number' && !Number.isNaN(Number(StringValue)));
}

function parsedArray(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

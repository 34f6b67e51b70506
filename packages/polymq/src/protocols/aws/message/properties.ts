/**
 * What SQS and SNS store with a message beside its body (message format 2):
 *
 *   u8 version 1 │ 16 bytes message id │ field …        field: u8 tag │ u32 length │ bytes
 *
 * Fields are missing where there is nothing to say. Unknown tags are skipped. Texts are UTF-8; the message attributes are the JSON
 * that AWS JSON has for them, so that answers in JSON take it as it is.
 */
export interface MessageProperties {
  /** A UUID: what SendMessage answered; for what SNS published, what Publish answered. */
  messageId: string;
  /** Set for what SNS published: receivers see the envelope, unless their subscription says raw. */
  published?: boolean;
  senderId?: string;
  /** JSON: `{"name":{"DataType":"String","StringValue":"…"}, …}`; binary values as base64. */
  attributes?: string;
  /** Hex. */
  md5OfBody?: string;
  md5OfAttributes?: string;
  groupId?: string;
  deduplicationId?: string;
  /** 20 digits. */
  sequenceNumber?: string;
  /** `AWSTraceHeader`. */
  traceHeader?: string;
  /** Of what SNS published. */
  subject?: string;
  /** JSON: protocol → body, where SNS was given one for each (`MessageStructure: json`). */
  structure?: string;
  /** The ARN of the topic it was published to. */
  topicArn?: string;
  /** The queues whose subscriptions were raw then: a JSON list of names, or `*` for all that it went to. */
  rawQueues?: string;
}

type TextField = Exclude<keyof MessageProperties, 'messageId' | 'published'>;

/** Stored with every message: never change or reuse a tag. */
const TAGS: Readonly<Record<TextField, number>> = {
  senderId: 1,
  attributes: 2,
  md5OfBody: 3,
  md5OfAttributes: 4,
  groupId: 5,
  deduplicationId: 6,
  sequenceNumber: 7,
  traceHeader: 8,
  subject: 9,
  structure: 10,
  topicArn: 11,
  rawQueues: 12,
};
const PUBLISHED_TAG = 32;

const FIELD_OF: readonly (TextField | undefined)[] = fieldsByTag();
const VERSION = 1;
const ID_BYTES = 16;
const HEAD_BYTES = 1 + ID_BYTES;
const FIELD_HEAD_BYTES = 5;
/** Of one UTF-16 unit. */
const UTF8_BYTES_MAX = 3;
const SHORT_TEXT_LENGTH = 64;
const HYPHEN = 0x2d;

export function writeMessageProperties(properties: MessageProperties): Buffer {
  let bytesMax = HEAD_BYTES + (properties.published ? FIELD_HEAD_BYTES : 0);
  for (const name in properties) {
    const text = properties[name as TextField];
    if (typeof text === 'string') bytesMax += FIELD_HEAD_BYTES + UTF8_BYTES_MAX * text.length;
  }
  const target = Buffer.allocUnsafe(bytesMax);
  target[0] = VERSION;
  writeUuid(target, 1, properties.messageId);
  let at = HEAD_BYTES;
  if (properties.published) {
    target[at] = PUBLISHED_TAG;
    at = target.writeUInt32BE(0, at + 1);
  }
  for (const name in properties) {
    const tag = TAGS[name as TextField];
    const text = properties[name as TextField];
    if (tag === undefined || text === undefined) continue;
    const length = writeText(target, at + FIELD_HEAD_BYTES, text);
    target[at] = tag;
    target.writeUInt32BE(length, at + 1);
    at += FIELD_HEAD_BYTES + length;
  }
  return target.subarray(0, at);
}

/** Returns the bytes written. Short texts are written here: for them a call into native code costs more than they do. */
function writeText(target: Buffer, at: number, text: string): number {
  const { length } = text;
  if (length > SHORT_TEXT_LENGTH) return target.write(text, at, 'utf8');
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) return target.write(text, at, 'utf8');
    target[at + i] = code;
  }
  return length;
}

function writeUuid(target: Buffer, start: number, uuid: string): void {
  let at = start;
  let high = -1;
  for (let i = 0; i < uuid.length && at < start + ID_BYTES; i++) {
    const code = uuid.charCodeAt(i);
    if (code === HYPHEN) continue;
    // Digits end in their value; letters, in either case, in theirs less 9.
    const nibble = (code & 0xf) + (code >> 6) * 9;
    if (high < 0) high = nibble << 4;
    else {
      target[at] = high | nibble;
      at += 1;
      high = -1;
    }
  }
  target.fill(0, at, start + ID_BYTES);
}

export function readMessageProperties(source: Buffer): MessageProperties {
  if (source[0] !== VERSION) {
    throw new Error(`message properties have version ${source[0]}; a newer broker wrote them`);
  }
  const properties: MessageProperties = { messageId: uuidAt(source, 1) };
  let at = HEAD_BYTES;
  while (at + FIELD_HEAD_BYTES <= source.length) {
    const tag = source[at]!;
    const start = at + FIELD_HEAD_BYTES;
    at = start + source.readUInt32BE(at + 1);
    const name = FIELD_OF[tag];
    if (name !== undefined) properties[name] = source.toString('utf8', start, at);
    else if (tag === PUBLISHED_TAG) properties.published = true;
  }
  return properties;
}

/** The 16 bytes at `at` as a UUID's text. */
export function uuidAt(source: Buffer, at: number): string {
  const hex = source.toString('hex', at, at + ID_BYTES);
  return (
    `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-` +
    `${hex.slice(16, 20)}-${hex.slice(20)}`
  );
}

function fieldsByTag(): (TextField | undefined)[] {
  const byTag: (TextField | undefined)[] = new Array(PUBLISHED_TAG + 1).fill(undefined);
  for (const name of Object.keys(TAGS) as TextField[]) byTag[TAGS[name]] = name;
  return byTag;
}

/**
 * MQTT's properties in the words that all protocols share, and back: what happens when a message crosses from MQTT to a stream or to
 * another protocol. The stored form, which goes to subscribers of MQTT 5 as it is but for its beginning:
 *
 *   size  field
 *   1     flags        bits 0 and 1 QoS, bit 2 retain, bit 3: a publisher follows
 *   1+n   publisher    client id of who published it, for subscriptions that are no-local
 *   …     properties   payload format, content type, response topic, correlation data and user properties as the PUBLISH of a
 *                      client of MQTT 5 had them (§3.3.2.3), in its order
 *
 * Message expiry is not among them: the message has a time to live. Headers are user properties, in order and with repetitions.
 * A response topic is the routing key `replyTo`. Correlation data that is no text is the header `mqtt-correlation-data`.
 * What MQTT has no place for goes out as user properties with AMQP's names (`content-encoding`).
 */
import type { MessageFormat } from '../../core/message/message-format.ts';
import type {
  NeutralHeader,
  NeutralMessage,
  NeutralValue,
} from '../../core/message/neutral-message.ts';
import {
  PacketReader,
  type Properties,
  publishProperties,
  readPropertyList,
  STORED_FLAG,
  textAt,
  type UserProperty,
} from './codec/index.ts';
import { routingKeyOf, topicOf } from './topics.ts';

/** Stored with every message. */
export const MQTT_FORMAT_ID = 3;

const CORRELATION_HEADER = 'mqtt-correlation-data';
const QOS_BITS = 3;
const TEXT_BYTES_MAX = 0xffff;

/** What MQTT has no property for, and the user property that shows it. */
const SHOWN = [
  ['contentEncoding', 'content-encoding'],
  ['messageId', 'message-id'],
  ['type', 'type'],
  ['appId', 'app-id'],
] as const satisfies readonly (readonly [keyof NeutralMessage, string])[];

export const mqttFormat: MessageFormat = {
  id: MQTT_FORMAT_ID,
  name: 'mqtt',
  toNeutral(stored) {
    const { contentType, responseTopic, correlationData, userProperties } = read(stored);
    const correlationId = correlationData && textAt(correlationData, 0, correlationData.length);
    const headers: NeutralHeader[] = (userProperties ?? []).map(([name, value]) => ({
      name,
      value,
    }));
    if (correlationData !== undefined && correlationId === undefined) {
      headers.push({ name: CORRELATION_HEADER, value: correlationData });
    }
    return {
      headers,
      ...(contentType === undefined ? {} : { contentType }),
      ...(correlationId === undefined ? {} : { correlationId }),
      ...(responseTopic === undefined ? {} : { replyTo: routingKeyOf(responseTopic) }),
      persistent: (stored[0]! & QOS_BITS) > 0,
    };
  },
  fromNeutral(message) {
    const qos = message.persistent === false ? 0 : 1;
    return storedProperties(qos, neutralToPublishProperties(message));
  },
  headers(stored) {
    return new Map(read(stored).userProperties);
  },
};

/** The stored form of properties that a PUBLISH would have; `flags` as `PublishScan.storedFlags`. */
export function storedProperties(flags: number, forwarded: Buffer, publisher?: string): Buffer {
  if (publisher === undefined) return Buffer.concat([Buffer.of(flags), forwarded]);
  const id = Buffer.from(publisher).subarray(0, PUBLISHER_BYTES_MAX);
  return Buffer.concat([Buffer.of(flags | STORED_FLAG.publisher, id.length), id, forwarded]);
}

/** Client ids are longer only by choice: beyond this, their beginning counts. */
const PUBLISHER_BYTES_MAX = 255;

/** Where what goes to subscribers begins in a stored form that begins at `start`. */
export function forwardedStart(buffer: Buffer, start: number): number {
  if ((buffer[start]! & STORED_FLAG.publisher) === 0) return start + 1;
  return start + 2 + buffer[start + 1]!;
}

/** Whether the stored form that begins at `start` says that this client has published it. */
export function isPublishedBy(buffer: Buffer, start: number, clientId: Buffer): boolean {
  if ((buffer[start]! & STORED_FLAG.publisher) === 0) return false;
  const end = start + 2 + buffer[start + 1]!;
  const id = clientId.subarray(0, PUBLISHER_BYTES_MAX);
  return buffer.compare(id, 0, id.length, start + 2, end) === 0;
}

/** The QoS that it was published with. */
export function storedQos(buffer: Buffer, start: number): number {
  return buffer[start]! & QOS_BITS;
}

/** Whether it was published with RETAIN set. */
export function storedRetain(buffer: Buffer, start: number): boolean {
  return (buffer[start]! & STORED_FLAG.retain) !== 0;
}

function read(stored: Buffer): Properties<'publish'> {
  const reader = new PacketReader(stored, forwardedStart(stored, 0));
  return readPropertyList(reader, 'publish', Infinity);
}

/** A message of any protocol as the properties of a PUBLISH of MQTT 5, without their length in front. */
export function neutralToPublishProperties(message: NeutralMessage): Buffer {
  const { correlationId, replyTo } = message;
  const contentType = cleanText(message.contentType);
  const responseTopic = replyTo === undefined ? undefined : cleanText(topicOf(replyTo));
  const userProperties: UserProperty[] = [];
  let correlationData: Buffer | undefined =
    correlationId === undefined ? undefined : Buffer.from(correlationId);
  for (const { name, value } of message.headers) {
    if (name === CORRELATION_HEADER && Buffer.isBuffer(value)) correlationData ??= value;
    else addProperty(userProperties, name, textOf(value));
  }
  for (const [field, name] of SHOWN) addProperty(userProperties, name, message[field]);
  if (responseTopic === undefined) addProperty(userProperties, 'reply-to', replyTo);
  if (correlationData && correlationData.length > TEXT_BYTES_MAX) correlationData = undefined;
  return publishProperties({ contentType, responseTopic, correlationData, userProperties });
}

function addProperty(properties: UserProperty[], name: string, value: string | undefined): void {
  const cleanName = cleanText(name);
  const cleanValue = cleanText(value);
  if (cleanName !== undefined && cleanValue !== undefined) properties.push([cleanName, cleanValue]);
}

/** Texts of MQTT have no zero characters [MQTT-1.5.4-2]. Those that are too long for it are left out. */
function cleanText(text: string | undefined): string | undefined {
  if (text === undefined || Buffer.byteLength(text) > TEXT_BYTES_MAX) return undefined;
  return text.replaceAll('\0', '?');
}

/** Bytes that are no text are shown in base64, lists and tables in JSON. */
function textOf(value: NeutralValue): string {
  if (typeof value === 'string') return value;
  if (value === null) return '';
  if (Buffer.isBuffer(value)) {
    return textAt(value, 0, value.length) ?? value.toString('base64');
  }
  return typeof value === 'object' ? JSON.stringify(value, jsonValue) : String(value);
}

function jsonValue(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

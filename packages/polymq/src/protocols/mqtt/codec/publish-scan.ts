/**
 * Reads a PUBLISH where it lies, without making objects or strings.
 *
 *   3 dup qos qos retain │ remaining │ topic u16+n │ packet id u16, QoS > 0 │ properties varint+n, MQTT 5 │ payload
 *
 * and makes of it, in the same memory, what a message is stored as (`../message-format.ts`): one byte of flags and those
 * properties that go to subscribers as they came. Topic alias and message expiry end at the server, so properties in
 * front of them move up:
 *
 *   … │ length │ A A A │ alias │ B B B │ payload     →     … │ ? ? ? │ flags │ A A A B B B │ payload
 *                                                                      ^ stored start
 */

import { bodyStart } from './fixed-header.ts';
import { MqttError, malformed, protocolError } from './mqtt-error.ts';
import type { ProtocolVersion, QoS } from './packets.ts';
import { PROPERTIES } from './property-table.ts';
import { isText } from './text.ts';
import { VARINT_BYTES_MAX } from './varint.ts';

/** How many user properties a packet may have, if nothing else is said. */
export const USER_PROPERTIES_MAX = 64;

/** Bits of the first byte of the stored form; the lowest two are the QoS. */
export const STORED_FLAG = { retain: 4, publisher: 8 } as const;

const ALIAS_BYTES = 3;
const EXPIRY_BYTES = 5;

const ID = {
  payloadFormat: PROPERTIES.payloadFormat.id,
  messageExpiryS: PROPERTIES.messageExpiryS.id,
  contentType: PROPERTIES.contentType.id,
  responseTopic: PROPERTIES.responseTopic.id,
  correlationData: PROPERTIES.correlationData.id,
  subscriptionIds: PROPERTIES.subscriptionIds.id,
  topicAlias: PROPERTIES.topicAlias.id,
  userProperties: PROPERTIES.userProperties.id,
} as const;

export class PublishScan {
  dup = false;
  qos: QoS = 0;
  retain = false;
  /** Valid UTF-8 without U+0000 and wildcards; empty only with an alias. Its length stands in the two bytes before. */
  topicStart = 0;
  topicEnd = 0;
  /** 0 with QoS 0. */
  packetId = 0;
  /** The properties behind their length; both are `payloadStart` if there are none. */
  propertiesStart = 0;
  propertiesEnd = 0;
  payloadStart = 0;
  payloadEnd = 0;
  /** 0: none. Whether it is among those the server takes is not looked at. */
  topicAlias = 0;
  /** -1: none. */
  expiryS = -1;
  /** Whether the client says that the payload is UTF-8. */
  isTextPayload = false;
  readonly #userPropertiesMax: number;
  /** Where the property begins; -1: none. */
  #aliasAt = -1;
  #expiryAt = -1;
  #userProperties = 0;
  /** Properties that have been there, a bit each. */
  #seen = 0;

  constructor(userPropertiesMax: number = USER_PROPERTIES_MAX) {
    this.#userPropertiesMax = userPropertiesMax;
  }

  /** Fills this from the whole packet in `[start, end)`, which a client has sent. Throws `MqttError`. */
  scan(buffer: Buffer, start: number, end: number, version: ProtocolVersion): void {
    this.#scanFlags(buffer[start]!, version);
    const topicStart = bodyStart(buffer, start) + 2;
    if (topicStart > end) malformed('a PUBLISH ends before its topic');
    let at = topicStart + uint16At(buffer, topicStart - 2);
    if (at > end) malformed('the topic of a PUBLISH goes beyond its end');
    this.topicStart = topicStart;
    this.topicEnd = at;
    checkTopicName(buffer, topicStart, at);
    this.packetId = 0;
    if (this.qos > 0) {
      if (at + 2 > end) malformed('a PUBLISH ends before its packet id');
      this.packetId = uint16At(buffer, at);
      if (this.packetId === 0) protocolError('a PUBLISH has packet id 0');
      at += 2;
    }
    this.topicAlias = 0;
    this.expiryS = -1;
    this.isTextPayload = false;
    this.#aliasAt = -1;
    this.#expiryAt = -1;
    if (version === 5) at = this.#scanProperties(buffer, at, end);
    else {
      this.propertiesStart = at;
      this.propertiesEnd = at;
    }
    this.payloadStart = at;
    this.payloadEnd = end;
    if (this.topicEnd === topicStart && this.topicAlias === 0) {
      protocolError('a PUBLISH has no topic');
    }
  }

  /**
   * Writes the stored form of the properties right in front of the payload, over bytes of the packet that are no longer
   * needed (the topic's last one among them), and returns where it starts; it ends at `payloadStart`. The packet cannot be
   * scanned again after this.
   */
  store(buffer: Buffer): number {
    let start = this.propertiesStart;
    const alias = this.#aliasAt;
    const expiry = this.#expiryAt;
    // The one in front first: what lies behind a cut stays where it is.
    if (alias >= 0 && alias < expiry) start = cut(buffer, start, alias, ALIAS_BYTES);
    if (expiry >= 0) start = cut(buffer, start, expiry, EXPIRY_BYTES);
    if (alias >= 0 && alias > expiry) start = cut(buffer, start, alias, ALIAS_BYTES);
    buffer[start - 1] = this.storedFlags;
    return start - 1;
  }

  /** The byte that the stored form begins with. */
  get storedFlags(): number {
    return this.qos | (this.retain ? STORED_FLAG.retain : 0);
  }

  #scanFlags(first: number, version: ProtocolVersion): void {
    const qos = (first >>> 1) & 3;
    if (qos === 3) malformed('a PUBLISH has QoS 3');
    this.dup = (first & 8) !== 0;
    this.qos = qos as QoS;
    this.retain = (first & 1) !== 0;
    // [MQTT-3.3.1-2]; in MQTT 3.1 it only had no meaning.
    if (qos === 0 && this.dup && version !== 3) malformed('a PUBLISH of QoS 0 has DUP set');
  }

  /** Returns where the payload starts. */
  #scanProperties(buffer: Buffer, at: number, end: number): number {
    let bytes = 0;
    let next = at;
    for (let index = 0; ; index++) {
      if (next >= end || index === VARINT_BYTES_MAX) malformed('a PUBLISH has no property length');
      const byte = buffer[next++]!;
      bytes |= (byte & 0x7f) << (7 * index);
      if (byte >= 0x80) continue;
      if (byte === 0 && index > 0) malformed('a property length is longer than it needs to be');
      break;
    }
    const propertiesEnd = next + bytes;
    if (propertiesEnd > end) malformed('the properties of a PUBLISH go beyond its end');
    this.propertiesStart = next;
    this.propertiesEnd = propertiesEnd;
    this.#seen = 0;
    this.#userProperties = 0;
    while (next < propertiesEnd) next = this.#scanProperty(buffer, next, propertiesEnd);
    return propertiesEnd;
  }

  /** Returns where the next one starts. */
  #scanProperty(buffer: Buffer, at: number, end: number): number {
    const id = buffer[at]!;
    if (id === ID.userProperties) {
      this.#userProperties += 1;
      if (this.#userProperties > this.#userPropertiesMax) {
        protocolError(`a PUBLISH has more than ${this.#userPropertiesMax} user properties`);
      }
      return textEnd(buffer, textEnd(buffer, at + 1, end), end);
    }
    // All others that a PUBLISH may have are below 32, but for topic alias, which takes the bit of none of them.
    const bit = id === ID.topicAlias ? 1 : 1 << (id & 31);
    const again = (this.#seen & bit) !== 0;
    this.#seen |= bit;
    switch (id) {
      case ID.payloadFormat: {
        if (again) repeated(id);
        const value = at + 2 > end ? malformed('a property is cut off') : buffer[at + 1]!;
        if (value > 1) protocolError(`the payload format indicator is ${value}`);
        this.isTextPayload = value === 1;
        return at + 2;
      }
      case ID.messageExpiryS:
        if (again) repeated(id);
        if (at + EXPIRY_BYTES > end) malformed('a property is cut off');
        this.#expiryAt = at;
        this.expiryS = uint16At(buffer, at + 1) * 0x1_0000 + uint16At(buffer, at + 3);
        return at + EXPIRY_BYTES;
      case ID.topicAlias:
        if (again) repeated(id);
        if (at + ALIAS_BYTES > end) malformed('a property is cut off');
        this.#aliasAt = at;
        this.topicAlias = uint16At(buffer, at + 1);
        // [MQTT-3.3.2-8]
        if (this.topicAlias === 0) throw new MqttError('topicAliasInvalid', 'topic alias 0');
        return at + ALIAS_BYTES;
      case ID.contentType:
        if (again) repeated(id);
        return textEnd(buffer, at + 1, end);
      case ID.responseTopic: {
        if (again) repeated(id);
        const next = textEnd(buffer, at + 1, end);
        checkResponseTopic(buffer, at + 3, next);
        return next;
      }
      case ID.correlationData:
        if (again) repeated(id);
        return bytesEnd(buffer, at + 1, end);
      case ID.subscriptionIds:
        // [MQTT-3.3.4-6]
        return protocolError('a PUBLISH from a client has a subscription identifier');
      default:
        return malformed(`a PUBLISH has the property ${id}`);
    }
  }
}

function cut(buffer: Buffer, start: number, at: number, bytes: number): number {
  if (at > start) buffer.copyWithin(start + bytes, start, at);
  return start + bytes;
}

/** Where a text with its length in front ends, of which the length starts at `at`. */
function textEnd(buffer: Buffer, at: number, end: number): number {
  const next = bytesEnd(buffer, at, end);
  if (!isText(buffer, at + 2, next)) malformed('a property holds a text that is not valid UTF-8');
  return next;
}

function bytesEnd(buffer: Buffer, at: number, end: number): number {
  const next = at + 2 > end ? Infinity : at + 2 + uint16At(buffer, at);
  if (next > end) malformed('a property is cut off');
  return next;
}

function repeated(id: number): never {
  return protocolError(`a PUBLISH has the property ${id} twice`);
}

const PLUS = 0x2b;
const HASH = 0x23;

/** Throws unless the bytes are UTF-8 without U+0000 and wildcards [MQTT-3.3.2-1, MQTT-3.3.2-2]. */
function checkTopicName(buffer: Buffer, start: number, end: number): void {
  let bits = 0;
  for (let at = start; at < end; at++) {
    const byte = buffer[at]!;
    bits |= byte;
    if (byte === PLUS || byte === HASH || byte === 0) badTopic(buffer, start, end);
  }
  if (bits > 0x7f && !isText(buffer, start, end)) badTopic(buffer, start, end);
}

function badTopic(buffer: Buffer, start: number, end: number): never {
  if (!isText(buffer, start, end)) malformed('a topic is not valid UTF-8');
  throw new MqttError('topicNameInvalid', 'a topic to publish to has a wildcard');
}

/** [MQTT-3.3.2-14] */
function checkResponseTopic(buffer: Buffer, start: number, end: number): void {
  if (start === end) protocolError('a response topic is empty');
  for (let at = start; at < end; at++) {
    const byte = buffer[at]!;
    if (byte === PLUS || byte === HASH) protocolError('a response topic has a wildcard');
  }
}

function uint16At(buffer: Buffer, at: number): number {
  return (buffer[at]! << 8) | buffer[at + 1]!;
}

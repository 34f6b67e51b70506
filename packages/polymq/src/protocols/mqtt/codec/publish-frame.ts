/**
 * Writes a PUBLISH into memory that the caller owns. One frame object serves message after message: set what has changed.
 *
 *   3 dup qos qos retain │ remaining │ topic u16+n │ packet id │ length │ ids │ alias │ expiry │ forwarded │ payload │ more
 *                                                                                              ├─ one copy ───────┤
 *
 * What is forwarded and the payload are one range of `source`, as a message is stored. A subscriber of 3.x gets the
 * payload alone.
 */
import { Copier } from '../../../lib/bytes/copier.ts';
import type { ProtocolVersion, QoS } from './packets.ts';
import { PROPERTIES } from './property-table.ts';
import { varintBytes, writeVarint } from './varint.ts';

const EMPTY: Buffer = Buffer.alloc(0);
const NO_MORE: readonly Buffer[] = [];
const PUBLISH = 0x30;
const ALIAS_BYTES = 3;
const EXPIRY_BYTES = 5;

/** Topics and messages each come from the same memory for long. */
const topics = new Copier();
const messages = new Copier();

export class PublishFrame {
  version: ProtocolVersion = 4;
  dup = false;
  qos: QoS = 0;
  retain = false;
  /** The topic behind its length, as `topicField` makes it. With an alias it may be the empty one. */
  topic: Buffer = NO_TOPIC;
  /** Only with QoS > 0. */
  packetId = 0;
  /** As `subscriptionIdsField` makes it. */
  subscriptionIds: Buffer = EMPTY;
  /** 0: none. */
  topicAlias = 0;
  /** What is left of it; -1: none. */
  expiryS = -1;
  /** `[forwardedStart, payloadStart)` are properties, `[payloadStart, payloadEnd)` is the payload. */
  source: Buffer = EMPTY;
  forwardedStart = 0;
  payloadStart = 0;
  payloadEnd = 0;
  /** The rest of the payload. */
  more: readonly Buffer[] = NO_MORE;

  /** How many bytes `write` will write. */
  get bytes(): number {
    const remaining = this.#remaining();
    return 1 + varintBytes(remaining) + remaining;
  }

  /** Where the payload begins in the tail. */
  get payloadAt(): number {
    return this.payloadStart - this.forwardedStart;
  }

  /** The tail in bytes: what is forwarded and the payload, the same for all clients. */
  get tailBytes(): number {
    let bytes = this.payloadEnd - this.forwardedStart;
    for (const piece of this.more) bytes += piece.length;
    return bytes;
  }

  /** Writes the packet at `at`, where there must be room, and returns the position behind. */
  write(target: Buffer, at: number): number {
    const start = this.version === 5 ? this.forwardedStart : this.payloadStart;
    return this.#writeFrom(start, target, this.writeHead(target, at));
  }

  /** Writes what comes before the tail; before the payload for a subscriber of 3.x. */
  writeHead(target: Buffer, at: number): number {
    target[at] = PUBLISH | (this.dup ? 8 : 0) | (this.qos << 1) | (this.retain ? 1 : 0);
    let next = writeVarint(target, at + 1, this.#remaining());
    next = topics.copy(this.topic, 0, this.topic.length, target, next);
    if (this.qos > 0) {
      target[next] = this.packetId >>> 8;
      target[next + 1] = this.packetId;
      next += 2;
    }
    return this.version === 5 ? this.#writeOwnProperties(target, next) : next;
  }

  writeTail(target: Buffer, at: number): number {
    return this.#writeFrom(this.forwardedStart, target, at);
  }

  #writeFrom(start: number, target: Buffer, at: number): number {
    let next = messages.copy(this.source, start, this.payloadEnd, target, at);
    for (const piece of this.more) {
      target.set(piece, next);
      next += piece.length;
    }
    return next;
  }

  /** Forgets the buffers, so that none is kept alive. */
  clear(): void {
    this.source = EMPTY;
    this.more = NO_MORE;
  }

  #remaining(): number {
    let bytes = this.topic.length + this.payloadEnd - this.payloadStart;
    if (this.qos > 0) bytes += 2;
    if (this.version === 5) {
      const properties = this.#propertiesBytes();
      bytes += varintBytes(properties) + properties;
    }
    for (const piece of this.more) bytes += piece.length;
    return bytes;
  }

  #propertiesBytes(): number {
    return (
      this.subscriptionIds.length +
      (this.topicAlias > 0 ? ALIAS_BYTES : 0) +
      (this.expiryS >= 0 ? EXPIRY_BYTES : 0) +
      (this.payloadStart - this.forwardedStart)
    );
  }

  #writeOwnProperties(target: Buffer, at: number): number {
    let next = writeVarint(target, at, this.#propertiesBytes());
    const { subscriptionIds, topicAlias, expiryS } = this;
    if (subscriptionIds.length > 0) {
      target.set(subscriptionIds, next);
      next += subscriptionIds.length;
    }
    if (topicAlias > 0) {
      target[next] = PROPERTIES.topicAlias.id;
      target[next + 1] = topicAlias >>> 8;
      target[next + 2] = topicAlias;
      next += ALIAS_BYTES;
    }
    if (expiryS >= 0) {
      target[next] = PROPERTIES.messageExpiryS.id;
      next = target.writeUInt32BE(expiryS, next + 1);
    }
    return next;
  }
}

/** A topic as a frame wants it: its length in two bytes, then itself. At most 65,535 bytes. */
export function topicField(topic: string): Buffer {
  const bytes = Buffer.byteLength(topic);
  const field = Buffer.allocUnsafe(2 + bytes);
  field.writeUInt16BE(bytes, 0);
  field.write(topic, 2, bytes, 'utf8');
  return field;
}

/** The empty topic that goes with a topic alias. */
export const NO_TOPIC: Buffer = Buffer.from([0, 0]);

/** Subscription ids, each 1 to 268,435,455, as properties. */
export function subscriptionIdsField(ids: readonly number[]): Buffer {
  let bytes = 0;
  for (const id of ids) bytes += 1 + varintBytes(id);
  const field = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const id of ids) {
    field[at] = PROPERTIES.subscriptionIds.id;
    at = writeVarint(field, at + 1, id);
  }
  return field;
}

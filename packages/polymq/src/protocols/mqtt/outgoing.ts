/**
 * A message on its way to subscribers, whoever has published it. One object is pointed at one message after another.
 *
 *   draft or stored view ──► what all get: topic, properties, payload
 *                              ├─ nothing of its own: written once per variant (3.x or 5, QoS, retain flag), shared
 *                              ├─ another packet id, subscription ids, alias: written for each connection
 *                              └─ a large payload behind them: written once, shared
 *
 * Each client has packet ids of its own, and which of the free ones it gets is the broker's choice (§2.2.1). So all
 * clients get a message under the same one if they can, and the packet is the same for all.
 *
 * What has come over another protocol is translated when it is pointed at, once for all subscribers.
 */

import type { MessageView } from '../../core/message/message-bytes.ts';
import type { MessageDraft } from '../../core/message/message-draft.ts';
import type { MessageFormats } from '../../core/message/message-formats.ts';
import type { SharedFrames } from '../../net/shared-frames.ts';
import type { BacklogFrame } from './backlog.ts';
import { NO_TOPIC, PublishFrame, type QoS, topicField } from './codec/index.ts';
import type { MqttConnection } from './connection.ts';
import { ForeignProperties } from './foreign-properties.ts';
import { PACKET_ID_MAX } from './inflight.ts';
import {
  forwardedStart,
  isPublishedBy,
  MQTT_FORMAT_ID,
  storedQos,
  storedRetain,
} from './message-format.ts';
import type { TopicRoute } from './topic-routes.ts';
import { SYSTEM_EXCHANGE, TOPIC_EXCHANGE, topicOf } from './topics.ts';

const EMPTY: Buffer = Buffer.alloc(0);
const VARIANTS = 12;
const BACKLOG_VARIANTS = 8;
const ALIAS_BYTES = 3;
/** Smaller messages are copied for each client: two pieces cost more than that. */
const SHARED_TAIL_BYTES_MIN = 4096;

/**
 * A flag of the stored form (`message-format.ts`): the message is in a stored session because it was retained when the client
 * subscribed, and goes out with RETAIN set.
 */
export const SENT_AS_RETAINED = 16;

/** How the message goes to one client. */
export interface Sending {
  qos: QoS;
  retain: boolean;
  dup: boolean;
  /** 0 with QoS 0. */
  packetId: number;
  subscriptionIds: Buffer;
}

export class OutgoingMessage {
  /** As it was published. */
  qos: QoS = 0;
  retain = false;
  /** It is sent because it was retained when the client subscribed. */
  sentAsRetained = false;
  readonly #foreign: ForeignProperties;
  readonly #shared: SharedFrames;
  readonly #frame: PublishFrame = new PublishFrame();
  topic = '';
  #field: Buffer = NO_TOPIC;
  /** The names that `topic` was found for last. */
  #names: Buffer = EMPTY;
  /** Where the stored form of its properties begins; -1: it has come over another protocol. */
  #storedStart = -1;
  #expiryS = -1;
  #persistent = false;
  /** Where the variants lie that were written: undefined if not. */
  readonly #buffers: (Buffer | undefined)[] = new Array<Buffer | undefined>(VARIANTS).fill(
    undefined,
  );
  readonly #starts: number[] = new Array<number>(VARIANTS).fill(0);
  readonly #ends: number[] = new Array<number>(VARIANTS).fill(0);
  /** The packet id of the variants; 0: not chosen yet. */
  #sharedId = 0;
  #lastSharedId = 0;
  /** What is forwarded and the payload, if they were written for many. */
  #tail: Buffer | undefined;
  #tailStart = 0;
  #tailEnd = 0;
  /** How often shared memory was written to for this message. */
  #sharedCount = 0;
  /** By version, retain flag and QoS: what clients whose window is full will get. */
  readonly #backlog: (BacklogFrame | undefined)[] = new Array<BacklogFrame | undefined>(
    BACKLOG_VARIANTS,
  ).fill(undefined);
  #hasBacklog = false;

  constructor(formats: MessageFormats, shared: SharedFrames) {
    this.#foreign = new ForeignProperties(formats);
    this.#shared = shared;
  }

  /** Valid as long as the draft. False if its routing key cannot be a topic. `topic`: what it was published to, if known. */
  pointAtDraft(draft: MessageDraft, topic: TopicRoute | undefined): boolean {
    if (topic === undefined) {
      if (!this.#nameIt(draft.names, draft.namesStart, draft.namesEnd)) return false;
    } else {
      this.topic = topic.topic;
      this.#field = topic.field;
      this.#names = topic.names;
    }
    this.#persistent = draft.persistent;
    const { content, contentStart, contentEnd, propertiesBytes, more } = draft;
    const bodyStart = contentStart + propertiesBytes;
    this.#setContent(draft.format, content, contentStart, bodyStart, contentEnd, more);
    this.#expiryS = draft.ttlMs < 0 ? -1 : Math.ceil(draft.ttlMs / 1000);
    return true;
  }

  /** Valid as long as the view. `expiryS`: what is left of it, -1 if it does not expire. */
  pointAtView(view: MessageView, expiryS: number): boolean {
    if (!this.#nameIt(view.buffer, view.exchangeAt, view.namesEnd)) return false;
    this.#persistent = view.persistent;
    this.#setContent(
      view.format,
      view.buffer,
      view.propertiesStart,
      view.bodyStart,
      view.end,
      NO_MORE,
    );
    this.#expiryS = expiryS;
    return true;
  }

  /** The packet id under which `sendShared` sends it. */
  get sharedId(): number {
    if (this.#sharedId === 0) {
      const last = this.#lastSharedId;
      this.#sharedId = last === PACKET_ID_MAX ? 1 : last + 1;
      this.#lastSharedId = this.#sharedId;
    }
    return this.#sharedId;
  }

  /** In the form that many get. Returns false if the client does not take packets of that size. */
  sendShared(connection: MqttConnection, qos: QoS, retain: boolean): boolean {
    const variant = qos * 4 + (connection.version === 5 ? 2 : 0) + (retain ? 1 : 0);
    const buffer = this.#buffers[variant] ?? this.#writeVariant(variant);
    const start = this.#starts[variant]!;
    const end = this.#ends[variant]!;
    if (end - start > connection.packetBytesMax) return false;
    connection.output.shared(buffer, start, end);
    return true;
  }

  /** Returns false if the client does not take packets of that size. */
  send(connection: MqttConnection, sending: Sending): boolean {
    const frame = this.#frameFor(connection, sending);
    let bytes = frame.bytes;
    if (bytes > connection.packetBytesMax) return false;
    const { aliasesOut } = connection;
    // An alias that is new makes the packet longer.
    if (aliasesOut !== undefined && bytes + ALIAS_BYTES <= connection.packetBytesMax) {
      const alias = aliasesOut.get(this.topic);
      if (alias !== 0) frame.topic = NO_TOPIC;
      frame.topicAlias = alias === 0 ? aliasesOut.add(this.topic) : alias;
      bytes = frame.bytes;
    }
    const { output } = connection;
    if (frame.tailBytes >= SHARED_TAIL_BYTES_MIN) {
      const tail = this.#tail ?? this.#writeTail();
      const start = this.#tailStart + (connection.version === 5 ? 0 : frame.payloadAt);
      const head = output.reserve(bytes - (this.#tailEnd - start));
      output.position = frame.writeHead(head, output.position);
      output.shared(tail, start, this.#tailEnd);
      return true;
    }
    const target = output.reserve(bytes);
    output.position = frame.write(target, output.position);
    return true;
  }

  /**
   * The packet to send later; undefined if the client does not take packets of that size. Clients that need the same
   * bytes get the same packet: whoever sends it writes the packet id just before it is copied.
   */
  backlogFrame(
    connection: MqttConnection,
    sending: Sending,
    nowMs: number,
  ): BacklogFrame | undefined {
    if (sending.subscriptionIds.length > 0) return this.#backlogFrame(connection, sending, nowMs);
    const variant = (connection.version === 5 ? 4 : 0) + (sending.retain ? 2 : 0) + sending.qos - 1;
    const known = this.#backlog[variant] ?? this.#backlogFrame(connection, sending, nowMs);
    this.#backlog[variant] = known;
    this.#hasBacklog = true;
    return known && known.frame.length <= connection.packetBytesMax ? known : undefined;
  }

  #backlogFrame(
    connection: MqttConnection,
    sending: Sending,
    nowMs: number,
  ): BacklogFrame | undefined {
    const frame = this.#frameFor(connection, sending);
    const { bytes } = frame;
    if (bytes > connection.packetBytesMax) return undefined;
    const copy = Buffer.allocUnsafeSlow(bytes);
    frame.write(copy, 0);
    const packetIdAt = packetIdPosition(copy);
    const expires = this.#expiryS >= 0 && connection.version === 5;
    return {
      frame: copy,
      qos: sending.qos as 1 | 2,
      packetIdAt,
      expiryAt: expires ? expiryPosition(copy, packetIdAt + 2, sending.subscriptionIds.length) : 0,
      expiresMs: this.#expiryS >= 0 ? nowMs + this.#expiryS * 1000 : 0,
    };
  }

  /** Forgets the message, so that its memory is not kept alive. */
  clear(): void {
    this.#frame.clear();
    this.#forgetWritten();
  }

  /** Loops, since `fill` takes longer than all the rest of a small message. */
  #forgetWritten(): void {
    if (this.#sharedCount > 0) {
      for (let variant = 0; variant < VARIANTS; variant++) this.#buffers[variant] = undefined;
      this.#tail = undefined;
      if (this.#sharedCount > 1) this.#shared.settle();
      this.#sharedCount = 0;
    }
    if (!this.#hasBacklog) return;
    this.#hasBacklog = false;
    for (let variant = 0; variant < BACKLOG_VARIANTS; variant++) this.#backlog[variant] = undefined;
  }

  /** Whether the client itself has published it, as far as the message says. */
  isPublishedBy(clientId: Buffer): boolean {
    return this.#storedStart >= 0 && isPublishedBy(this.#frame.source, this.#storedStart, clientId);
  }

  /** Finds the topic for exchange and routing key. */
  #nameIt(names: Buffer, start: number, end: number): boolean {
    const known = this.#names;
    if (known.length === end - start && names.compare(known, 0, known.length, start, end) === 0) {
      return true;
    }
    const keyAt = start + 1 + names[start]!;
    const exchange = names.toString('utf8', start + 1, keyAt);
    const key = names.toString('utf8', keyAt + 1, end);
    const topic = topicOf(key, exchange === SYSTEM_EXCHANGE ? SYSTEM_EXCHANGE : TOPIC_EXCHANGE);
    if (topic === undefined) return false;
    this.#names = Buffer.from(names.subarray(start, end));
    this.topic = topic;
    this.#field = topicField(topic);
    return true;
  }

  #setContent(
    format: number,
    buffer: Buffer,
    propertiesStart: number,
    bodyStart: number,
    end: number,
    more: readonly Buffer[],
  ): void {
    const frame = this.#frame;
    this.#forgetWritten();
    this.#sharedId = 0;
    if (format === MQTT_FORMAT_ID) {
      frame.source = buffer;
      frame.forwardedStart = forwardedStart(buffer, propertiesStart);
      frame.payloadStart = bodyStart;
      frame.payloadEnd = end;
      frame.more = more;
      this.#storedStart = propertiesStart;
      this.qos = storedQos(buffer, propertiesStart) as QoS;
      this.retain = storedRetain(buffer, propertiesStart);
      this.sentAsRetained = (buffer[propertiesStart]! & SENT_AS_RETAINED) !== 0;
      return;
    }
    const forwarded = this.#foreign.of(format, buffer, propertiesStart, bodyStart);
    frame.source = forwarded;
    frame.forwardedStart = 0;
    frame.payloadStart = forwarded.length;
    frame.payloadEnd = forwarded.length;
    frame.more = [buffer.subarray(bodyStart, end), ...more];
    this.#storedStart = -1;
    this.qos = this.#persistent ? 1 : 0;
    this.retain = false;
    this.sentAsRetained = false;
  }

  #frameFor(connection: MqttConnection, sending: Sending): PublishFrame {
    const frame = this.#frame;
    frame.version = connection.version;
    frame.dup = sending.dup;
    frame.qos = sending.qos;
    frame.retain = sending.retain;
    frame.topic = this.#field;
    frame.packetId = sending.packetId;
    frame.subscriptionIds = sending.subscriptionIds;
    frame.topicAlias = 0;
    frame.expiryS = this.#expiryS;
    return frame;
  }

  #writeVariant(variant: number): Buffer {
    const frame = this.#frame;
    const qos = (variant >>> 2) as QoS;
    frame.version = (variant & 2) === 0 ? 4 : 5;
    frame.dup = false;
    frame.qos = qos;
    frame.packetId = qos === 0 ? 0 : this.sharedId;
    frame.retain = (variant & 1) !== 0;
    frame.topic = this.#field;
    frame.subscriptionIds = EMPTY;
    frame.topicAlias = 0;
    frame.expiryS = this.#expiryS;
    const buffer = this.#reserveShared(frame.bytes);
    const start = this.#shared.position;
    const end = frame.write(buffer, start);
    this.#shared.position = end;
    this.#buffers[variant] = buffer;
    this.#starts[variant] = start;
    this.#ends[variant] = end;
    return buffer;
  }

  #writeTail(): Buffer {
    const frame = this.#frame;
    const buffer = this.#reserveShared(frame.tailBytes);
    const start = this.#shared.position;
    const end = frame.writeTail(buffer, start);
    this.#shared.position = end;
    this.#tail = buffer;
    this.#tailStart = start;
    this.#tailEnd = end;
    return buffer;
  }

  /** Memory beside what was written for this message before, which stays. */
  #reserveShared(bytes: number): Buffer {
    this.#sharedCount += 1;
    return this.#shared.reserve(bytes, this.#sharedCount > 1);
  }
}

const NO_MORE: readonly Buffer[] = [];

/** Where the packet id of a PUBLISH of QoS 1 or 2 lies. */
function packetIdPosition(frame: Buffer): number {
  let at = 1;
  while (frame[at]! >= 0x80) at += 1;
  at += 1;
  return at + 2 + frame.readUInt16BE(at);
}

/** Where the seconds of the message expiry lie: behind the length of the properties and the subscription ids. */
function expiryPosition(frame: Buffer, propertiesAt: number, idsBytes: number): number {
  let at = propertiesAt;
  while (frame[at]! >= 0x80) at += 1;
  return at + 1 + idsBytes + 1;
}

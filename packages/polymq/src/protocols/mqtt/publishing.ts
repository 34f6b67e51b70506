/**
 * Messages that clients publish, from the packet to the core, and the answers to them.
 *
 *   QoS 0   PUBLISH ─► route ─► queues, streams, subscribers
 *   QoS 1   PUBLISH ─► … ─► committed ─► PUBACK
 *   QoS 2   PUBLISH ─► id noted, … ─► committed ─► PUBREC      the same id again: PUBREC, and nothing is published
 *           PUBREL  ─► id forgotten ─► committed ─► PUBCOMP
 *
 * The message is taken from the packet where it lies: what is stored stands right in front of the payload. A stored session
 * notes the id as a mark in the batch that holds the message, so that a crash keeps both or neither. What no queue and no
 * stream has got is answered at once.
 */
import { BrokerError } from '../../core/errors.ts';
import type { Route } from '../../core/exchange/exchanges.ts';
import { MessageDraft } from '../../core/message/message-draft.ts';
import type { Counter } from '../../lib/counters.ts';
import {
  MqttError,
  PUBACK,
  PUBCOMP,
  PUBREC,
  PublishScan,
  type QoS,
  REASON,
  reasonMayBeIn,
  STORED_FLAG,
} from './codec/index.ts';
import type { MqttConnection } from './connection.ts';
import { asMqttError } from './errors.ts';
import { receivedMark } from './marks.ts';
import { MQTT_FORMAT_ID, storedProperties } from './message-format.ts';
import type { MqttServer } from './server.ts';
import type { MqttSession } from './session.ts';
import { type TopicRoute, TopicRoutes } from './topic-routes.ts';

/** A message that the broker publishes in its own name or a client's. */
export interface OwnMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: QoS;
  readonly retain: boolean;
  /** Properties that go to subscribers, as a PUBLISH has them. */
  readonly forwarded: Buffer;
  /** -1: it does not expire. */
  readonly expiryS: number;
  /** The client id of whose message it is: it may not want its own. */
  readonly publisher?: string;
}

const EXPIRES_MS = 1000;

export class Publishing {
  /** Whose message is being published; undefined: nobody's that is an MQTT client. */
  publisher: MqttSession | undefined;
  /** The topic of the message that is being published, if that is done here. */
  topic: TopicRoute | undefined;
  /** The message itself; one serves all, since publishing never waits. */
  readonly draft: MessageDraft = new MessageDraft();
  readonly #server: MqttServer;
  readonly #routes: TopicRoutes;
  readonly #scan: PublishScan = new PublishScan();
  readonly #published: Counter;
  /** Of the message that was handed to the core last. */
  #route: Route | undefined;

  constructor(server: MqttServer, published: Counter) {
    this.#server = server;
    this.#published = published;
    this.#routes = new TopicRoutes(server.broker.exchanges, server.broker.formats);
  }

  /** A whole PUBLISH of a client. */
  publish(connection: MqttConnection, buffer: Buffer, start: number, end: number): void {
    const scan = this.#scan;
    scan.scan(buffer, start, end, connection.version);
    const topic = this.#topicOf(connection, buffer);
    const session = connection.session!;
    if (scan.qos > 0 && !this.#admit(connection, session)) return;
    this.#published.value += 1;
    if (topic.reserved) {
      this.#refuse(connection, 'notAuthorized', 'clients cannot publish to topics below $SYS');
      return;
    }
    this.#fill(buffer, session);
    this.#describe(topic, scan.qos, scan.expiryS);
    try {
      this.#submit(connection, session, topic);
    } catch (error: unknown) {
      this.#refused(connection, error);
    }
  }

  /** A PUBREL of a client: its packet id is free again. */
  release(connection: MqttConnection, packetId: number): void {
    const session = connection.session!;
    const { store } = this.#server.broker.queues;
    if (session.received?.delete(packetId) !== true) {
      const reason = connection.wasReleased(packetId) ? REASON.success : REASON.packetIdNotFound;
      connection.answer(PUBCOMP, packetId, reason, 0);
      return;
    }
    if (!session.stored) {
      connection.answer(PUBCOMP, packetId, REASON.success, 0);
      return;
    }
    store.setMark(receivedMark(session.clientId, packetId), undefined);
    connection.answer(PUBCOMP, packetId, REASON.success, store.position);
  }

  /** Returns how many queues, streams and live subscribers got it. Throws `MqttError` if the topic cannot be one. */
  publishOwn(message: OwnMessage): number {
    const { topic, payload, qos, retain, forwarded, expiryS, publisher } = message;
    const bytes = Buffer.from(topic, 'utf8');
    const route = this.#routes.find(bytes, 0, bytes.length);
    const { draft } = this;
    const flags = qos | (retain ? STORED_FLAG.retain : 0);
    draft.setContent(storedProperties(flags, forwarded, publisher), payload);
    this.#describe(route, qos, expiryS);
    const session = publisher === undefined ? undefined : this.#server.sessions.get(publisher);
    const count = this.#hand(route, session, retain);
    draft.clear();
    return count;
  }

  /** Points the draft at what is stored of the scanned PUBLISH. */
  #fill(buffer: Buffer, session: MqttSession): void {
    const { draft } = this;
    const scan = this.#scan;
    const start = scan.store(buffer);
    if (this.#server.sessions.noLocalCount > 0) {
      const forwarded = buffer.subarray(start + 1, scan.payloadStart);
      const payload = buffer.subarray(scan.payloadStart, scan.payloadEnd);
      draft.setContent(storedProperties(buffer[start]!, forwarded, session.clientId), payload);
      return;
    }
    draft.content = buffer;
    draft.contentStart = start;
    draft.contentEnd = scan.payloadEnd;
    draft.propertiesBytes = scan.payloadStart - start;
    if (draft.more.length > 0) draft.more = [];
  }

  /** The topic of the scanned PUBLISH, which an alias may stand for. */
  #topicOf(connection: MqttConnection, buffer: Buffer): TopicRoute {
    const { topicStart, topicEnd, topicAlias } = this.#scan;
    if (topicAlias > this.#server.options.topicAliasMax) {
      throw new MqttError('topicAliasInvalid', `topic alias ${topicAlias} is too large`);
    }
    if (topicStart === topicEnd) {
      const known = connection.aliasesIn?.[topicAlias];
      if (known !== undefined) return known;
      throw new MqttError('protocolError', `topic alias ${topicAlias} stands for no topic yet`);
    }
    let topic = connection.topic;
    if (topic === undefined || !isSame(topic.field, buffer, topicStart, topicEnd)) {
      topic = this.#routes.find(buffer, topicStart, topicEnd);
      connection.topic = topic;
    }
    if (topicAlias > 0) {
      connection.aliasesIn ??= [];
      connection.aliasesIn[topicAlias] = topic;
    }
    return topic;
  }

  /** Whether the message with a packet id is to be published; if not, it is answered. */
  #admit(connection: MqttConnection, session: MqttSession): boolean {
    const { qos, packetId } = this.#scan;
    const { received } = session;
    if (qos === 2 && received?.has(packetId) === true) {
      const { position } = this.#server.broker.queues.store;
      connection.answer(PUBREC, packetId, REASON.success, position);
      return false;
    }
    const unanswered = connection.pubacksOwed + (received?.size ?? 0);
    if (connection.version === 5 && unanswered >= this.#server.options.inflightMax) {
      const text = `more than ${this.#server.options.inflightMax} messages are without an answer`;
      throw new MqttError('receiveMaximumExceeded', text);
    }
    return true;
  }

  #describe(topic: TopicRoute, qos: QoS, expiryS: number): void {
    const { draft } = this;
    draft.format = MQTT_FORMAT_ID;
    draft.persistent = qos > 0;
    draft.publishedMs = this.#server.nowMs;
    draft.ttlMs = expiryS < 0 ? -1 : expiryS * EXPIRES_MS;
    draft.names = topic.names;
    draft.namesStart = 0;
    draft.namesEnd = topic.names.length;
  }

  #submit(connection: MqttConnection, session: MqttSession, topic: TopicRoute): void {
    const { qos, packetId, retain } = this.#scan;
    const { store } = this.#server.broker.queues;
    const marks = qos === 2 && session.stored;
    if (marks || retain) store.together(retain ? 2 : 1);
    if (marks) store.setMark(receivedMark(session.clientId, packetId), 1);
    let count = -1;
    try {
      count = this.#hand(topic, session, retain);
    } finally {
      // Refused: the id is free, and the client may try again.
      if (marks && count < 0) store.setMark(receivedMark(session.clientId, packetId), undefined);
    }
    if (qos === 0) return;
    if (count < 0) throw new MqttError('quotaExceeded', 'a queue that is full refuses the message');
    const first = qos === 1 ? PUBACK : PUBREC;
    if (qos === 2) {
      session.received ??= new Set();
      session.received.add(packetId);
    }
    const route = this.#route!;
    const durable = marks || retain || route.queues.length > 0;
    const position = durable ? store.position : 0;
    const reason = count === 0 ? REASON.noMatchingSubscribers : REASON.success;
    const streams =
      route.streams.length > 0 ? this.#server.broker.publisher.streamsPending() : undefined;
    if (streams === undefined) connection.answer(first, packetId, reason, position);
    else this.#answerAfter(streams, connection, first, packetId, position);
  }

  /** Hands the draft to the core. A negative count: a full queue has refused it. */
  #hand(topic: TopicRoute, publisher: MqttSession | undefined, retain: boolean): number {
    const { draft } = this;
    const route = this.#routes.routeOf(topic, draft);
    this.#route = route;
    this.publisher = publisher;
    this.topic = topic;
    try {
      if (retain) this.#server.retained.keep(draft);
      return this.#server.broker.publisher.publish(draft, route);
    } finally {
      this.publisher = undefined;
      this.topic = undefined;
    }
  }

  #answerAfter(
    streams: Promise<void>,
    connection: MqttConnection,
    first: number,
    packetId: number,
    position: number,
  ): void {
    const ticket = connection.answer(first, packetId, REASON.success, Number.POSITIVE_INFINITY);
    streams.then(
      () => connection.settleAnswer(ticket, position),
      (error: unknown) => {
        this.#server.logger.warn({ error }, 'a stream has not taken an MQTT message');
        if (connection.version === 5) {
          connection.settleAnswer(ticket, 0, REASON.implementationSpecificError);
          if (first === PUBREC) {
            connection.session?.received?.delete(packetId);
            connection.refuseId(packetId);
          }
        } else connection.close('unspecifiedError', 'a stream has not taken the message');
      },
    );
  }

  /** The core has refused the message. */
  #refused(connection: MqttConnection, thrown: unknown): void {
    const error = asMqttError(thrown);
    if (!(error instanceof MqttError)) throw error;
    this.#refuse(connection, error.reason, error.message, thrown);
  }

  /** Answers a message that was not published. Where no answer can say so, the connection ends, unless it may be dropped. */
  #refuse(
    connection: MqttConnection,
    reason: MqttError['reason'],
    text: string,
    cause?: unknown,
  ): void {
    const { qos, packetId } = this.#scan;
    const code = REASON[reason];
    if (qos === 0) {
      if (connection.version === 5 || cause === undefined) return;
      if (cause instanceof BrokerError && cause.code === 'storage-failed') {
        throw new MqttError(reason, text);
      }
      return;
    }
    const first = qos === 1 ? PUBACK : PUBREC;
    if (connection.version === 5) {
      if (!reasonMayBeIn(code, 'puback')) throw new MqttError(reason, text);
      connection.answer(first, packetId, code, 0);
      if (qos === 2) connection.refuseId(packetId);
      // 3.1.1 has no word for it: the client is to go on as if it were published (§3.3.5).
    } else if (reason === 'notAuthorized') connection.answer(first, packetId, 0, 0);
    else throw new MqttError(reason, text);
  }
}

function isSame(field: Buffer, buffer: Buffer, start: number, end: number): boolean {
  const bytes = end - start;
  if (field.length !== bytes + 2) return false;
  for (let at = 0; at < bytes; at++) if (field[at + 2] !== buffer[start + at]) return false;
  return true;
}

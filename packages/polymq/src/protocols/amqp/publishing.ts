/**
 * Messages that a client publishes on one channel, from the frames to the core.
 *
 *   [method basic.publish][content header][body]…
 *
 * The usual message, small and whole in what has arrived, is taken from the three frames where they lie: content header and
 * body are copied once, together, into the store. Anything else (a large body, frames cut by the network, an empty
 * body) is gathered first. Where a message goes is remembered with the bytes of its exchange and routing key, so
 * a publisher that repeats itself costs one comparison.
 */
import type { Exchange, Route } from '../../core/exchange/exchanges.ts';
import type { Channel } from './channel.ts';
import {
  FRAME_BODY,
  FRAME_END,
  FRAME_HEADER,
  FRAME_HEADER_BYTES,
  FRAME_OVERHEAD_BYTES,
  uint32At,
} from './codec/frame.ts';
import { readName } from './codec/utf8.ts';
import { bodyFrameHeader, CONTENT_GAP_BYTES } from './content.ts';
import { AmqpError } from './errors.ts';
import { expirationMs } from './expiration.ts';
import { Gathering } from './gathering.ts';
import { AMQP_FORMAT_ID } from './message-format.ts';
import { PublishFacts } from './publish-facts.ts';
import { REPLY_TO_PREFIX } from './replies.ts';
import type { AmqpServer } from './server.ts';
import { rewriteSpecial } from './special-properties.ts';

/** In `basic.publish`: class, method, ticket; then exchange and routing key, and a byte of bits. */
const NAMES_AT = 6;
const BIT_MANDATORY = 1;
const BIT_IMMEDIATE = 2;
const NAMES_BYTES_MAX = 512;
/** `method` and what it asks: the message is to be offered again when more of it has come. */
const REST_TO_COME = -1;
/** Larger ones are gathered. */
const WAITING_BYTES_MAX = 256 * 1024;
const NO_STREAMS: Promise<void>[] = [];

export class Publishing {
  readonly #channel: Channel;
  readonly #server: AmqpServer;
  /** Where the journal must have come to for everything published so far. */
  position = 0;
  #gathering: Gathering | undefined;
  /** Exchange and routing key of the route that is remembered. */
  readonly #names: Buffer;
  #namesBytes = 0;
  #route: Route | undefined;
  #routeVersion = -1;
  #exchange: Exchange | undefined;
  #streams: Promise<void>[] = NO_STREAMS;

  constructor(channel: Channel) {
    this.#channel = channel;
    this.#server = channel.session.server;
    this.#names = Buffer.allocUnsafe(NAMES_BYTES_MAX);
  }

  /** Whether frames of a message are still to come. */
  get gathering(): boolean {
    return this.#gathering !== undefined;
  }

  /** The frame that has come is not the one that must follow; in RabbitMQ's words. */
  unexpected(): AmqpError {
    const gathering = this.#gathering;
    const [due, got] =
      gathering === undefined
        ? ['method frame', 'non method frame']
        : gathering.hasHeader
          ? ['content body', 'non content body frame']
          : ['content header for class 60', 'non content header frame'];
    return new AmqpError('unexpectedFrame', `expected ${due}, got ${got} instead`);
  }

  /** Forgets a message of which not all has come. */
  abort(): void {
    this.#gathering?.release();
    this.#gathering = undefined;
  }

  /** What streams still owe for the messages since the last call. */
  takeStreams(): Promise<void> | undefined {
    if (this.#streams.length === 0) return undefined;
    const streams = this.#streams;
    this.#streams = NO_STREAMS;
    return Promise.all(streams).then(() => undefined);
  }

  /**
   * A `basic.publish` whose frame is `buffer[at, frameEnd)`. Returns where it has read up to: behind the whole message
   * if that is there, else behind the frame; the rest comes through `header` and `body`. 0 if the frame is malformed;
   * -1 if nothing was read, because the rest of the message will soon be there.
   */
  method(buffer: Buffer, at: number, frameEnd: number, end: number): number {
    const namesStart = at + FRAME_HEADER_BYTES + NAMES_AT;
    const keyAt = namesStart + 1 + buffer[namesStart]!;
    const namesEnd = keyAt + 1 + buffer[keyAt]!;
    // One byte of bits and the frame's end: anything else is malformed, and the codec says how.
    if (namesEnd + 2 !== frameEnd) return 0;
    const bits = buffer[namesEnd]!;
    const whole = this.#whole(buffer, frameEnd, end);
    // The reader may hold so much; it is copied once then, to where it stays.
    if (whole === REST_TO_COME && end - at < WAITING_BYTES_MAX) return REST_TO_COME;
    if (whole <= 0) {
      this.#gathering = new Gathering(buffer, namesStart, namesEnd, bits);
      return frameEnd;
    }
    const headerStart = frameEnd + FRAME_HEADER_BYTES;
    const headerEnd = headerStart + uint32At(buffer, frameEnd + 3);
    const { draft } = this.#server;
    draft.content = buffer;
    draft.contentStart = headerStart;
    draft.contentEnd = whole - 1;
    draft.propertiesBytes = headerEnd - headerStart + CONTENT_GAP_BYTES;
    draft.more = [];
    this.#publish(buffer, namesStart, keyAt, namesEnd, bits, buffer, headerStart, headerEnd);
    return whole;
  }

  /**
   * Where the message ends whose content header frame starts at `at`. 0 unless it has one body frame; `REST_TO_COME` if
   * it may have, but not all of it is there.
   */
  #whole(buffer: Buffer, at: number, end: number): number {
    const { number, session } = this.#channel;
    if (at === end) return REST_TO_COME;
    if (buffer[at] !== FRAME_HEADER) return 0;
    if (at + FRAME_HEADER_BYTES + 14 > end) return REST_TO_COME;
    if (buffer[at + 1] !== number >>> 8 || buffer[at + 2] !== (number & 0xff)) return 0;
    // The upper half of the body's size, then the lower.
    if (uint32At(buffer, at + FRAME_HEADER_BYTES + 4) !== 0) return 0;
    const bodyBytes = uint32At(buffer, at + FRAME_HEADER_BYTES + 8);
    if (bodyBytes === 0 || bodyBytes > session.frameMax - FRAME_OVERHEAD_BYTES) return 0;
    // Gathering it says so.
    if (bodyBytes > this.#server.options.messageBytesMax) return 0;
    const headerEnd = at + FRAME_HEADER_BYTES + uint32At(buffer, at + 3);
    const body = headerEnd + 1;
    if (headerEnd - at > session.frameMax - 1) return 0;
    if (body > end) return REST_TO_COME;
    if (buffer[headerEnd] !== FRAME_END) return 0;
    if (body < end && buffer[body] !== FRAME_BODY) return 0;
    if (body + FRAME_HEADER_BYTES > end) return REST_TO_COME;
    const bodyEnd = body + FRAME_HEADER_BYTES + bodyBytes;
    if (buffer[body + 1] !== number >>> 8 || buffer[body + 2] !== (number & 0xff)) return 0;
    if (uint32At(buffer, body + 3) !== bodyBytes) return 0;
    if (bodyEnd >= end) return REST_TO_COME;
    return buffer[bodyEnd] === FRAME_END ? bodyEnd + 1 : 0;
  }

  /** The payload of a content header frame. */
  header(buffer: Buffer, start: number, end: number): void {
    const gathering = this.#gathering;
    if (gathering === undefined || gathering.hasHeader) {
      throw this.unexpected();
    }
    gathering.setHeader(buffer, start, end, this.#server);
    if (gathering.complete) this.#publishGathered(gathering);
  }

  /** The payload of a body frame. */
  body(buffer: Buffer, start: number, end: number): void {
    const gathering = this.#gathering;
    if (gathering === undefined || !gathering.hasHeader) {
      throw this.unexpected();
    }
    gathering.addBody(buffer, start, end);
    if (gathering.complete) this.#publishGathered(gathering);
  }

  #publishGathered(gathering: Gathering): void {
    this.#gathering = undefined;
    const { header, names, keyAt } = gathering;
    const { draft } = this.#server;
    draft.setContent(Buffer.concat([header, bodyFrameHeader(gathering.bodyBytes)]), EMPTY);
    draft.more = gathering.pieces;
    try {
      this.#publish(names, 0, keyAt, names.length, gathering.bits, header, 0, header.length);
    } finally {
      gathering.release();
    }
  }

  /**
   * The content is in the draft; names and content header are where the arguments say. Everything that can be wrong
   * with the message is found before it is counted.
   */
  #publish(
    names: Buffer,
    namesStart: number,
    keyAt: number,
    namesEnd: number,
    bits: number,
    header: Buffer,
    headerStart: number,
    headerEnd: number,
  ): void {
    const channel = this.#channel;
    const server = this.#server;
    const { draft, scan } = server;
    if ((bits & BIT_IMMEDIATE) !== 0) throw new AmqpError('notImplemented', 'immediate=true');
    server.scanHeader(header, headerStart, headerEnd);
    if (scan.userIdStart >= 0) this.#checkUserId(header);
    draft.format = AMQP_FORMAT_ID;
    draft.persistent = scan.deliveryMode === 2;
    draft.priority = Math.max(scan.priority, 0);
    draft.publishedMs = server.nowMs;
    draft.ttlMs = scan.expirationStart < 0 ? -1 : expirationMs(header, scan);
    draft.dueMs = 0;
    draft.names = names;
    draft.namesStart = namesStart;
    draft.namesEnd = namesEnd;
    const special = scan.hasCopies || scan.hasXNames || scan.replyToStart >= 0;
    const route = special
      ? this.#routeOf(names, namesStart, keyAt, namesEnd, header)
      : this.#rememberedRoute(names, namesStart, keyAt, namesEnd, header);
    const mandatory = (bits & BIT_MANDATORY) !== 0;
    if (channel.transaction) channel.transaction.publish(draft, route, mandatory);
    else this.submit(route, mandatory);
  }

  /** Hands the draft to the core, and answers what must be answered before the confirm. */
  submit(route: Route | undefined, mandatory: boolean): void {
    const channel = this.#channel;
    const { draft, broker } = this.#server;
    const { confirms } = channel;
    if (confirms) confirms.published += 1;
    // Without a route it was a reply, which has been delivered or has nobody to go to.
    const reached = route === undefined ? this.#server.replies.deliver(draft) : undefined;
    const count = reached ?? broker.publisher.publish(draft, route!);
    if (count === 0 && mandatory) channel.delivery.returned(draft);
    if (confirms === undefined) return;
    if (count < 0) channel.refusePublished();
    else if (count > 0) this.#notePosition(route);
  }

  #notePosition(route: Route | undefined): void {
    const { store } = this.#server.broker.queues;
    if (this.#server.draft.persistent) this.position = store.position;
    if (route === undefined || route.streams.length === 0) return;
    const streams = this.#server.broker.publisher.streamsPending();
    if (streams === undefined) return;
    if (this.#streams === NO_STREAMS) this.#streams = [];
    this.#streams.push(streams);
  }

  #rememberedRoute(
    names: Buffer,
    start: number,
    keyAt: number,
    end: number,
    header: Buffer,
  ): Route | undefined {
    const remembered = this.#names;
    const bytes = end - start;
    if (
      this.#route !== undefined &&
      this.#namesBytes === bytes &&
      this.#routeVersion === this.#server.broker.exchanges.version
    ) {
      let at = 0;
      while (at < bytes && remembered[at] === names[start + at]) at += 1;
      if (at === bytes) return this.#route;
    }
    const route = this.#routeOf(names, start, keyAt, end, header);
    if (route?.cacheable) {
      names.copy(remembered, 0, start, end);
      this.#namesBytes = bytes;
      this.#route = route;
      this.#routeVersion = this.#server.broker.exchanges.version;
    } else this.#route = undefined;
    return route;
  }

  /** `undefined`: it goes to a channel that waits for replies, not to an exchange. */
  #routeOf(
    names: Buffer,
    start: number,
    keyAt: number,
    end: number,
    header: Buffer,
  ): Route | undefined {
    const name = readName(names, start + 1, keyAt);
    const key = readName(names, keyAt + 1, end);
    if (name === '' && key.startsWith(REPLY_TO_PREFIX)) return undefined;
    const exchange = this.#exchangeNamed(name);
    const { scan, draft, broker } = this.#server;
    const facts = new PublishFacts(header, scan, draft);
    if (exchange.definition.delayed) facts.delayFrom(draft.publishedMs);
    draft.dueMs = facts.dueMs;
    const copies = rewriteSpecial(this.#channel, header, draft, scan);
    const keys = copies.length === 0 ? [key] : [key, ...copies];
    return broker.exchanges.route(exchange, keys, facts);
  }

  #exchangeNamed(name: string): Exchange {
    const { session } = this.#channel;
    let exchange = this.#exchange;
    const version = this.#server.broker.exchanges.version;
    if (exchange?.name !== name || this.#routeVersion !== version) {
      exchange = this.#server.broker.exchanges.get(session.namespace, name);
      if (exchange === undefined) {
        throw new AmqpError('notFound', `no exchange '${name}' in vhost '${session.vhost}'`);
      }
      this.#exchange = exchange;
    }
    if (exchange.definition.internal) {
      throw new AmqpError(
        'accessRefused',
        `cannot publish to internal exchange '${name}' in vhost '${session.vhost}'`,
      );
    }
    return exchange;
  }

  #checkUserId(header: Buffer): void {
    const { scan } = this.#server;
    const userId = header.toString('utf8', scan.userIdStart, scan.userIdEnd);
    const { user } = this.#channel.session;
    if (userId === user) return;
    throw new AmqpError(
      'preconditionFailed',
      `user_id property set to '${userId}' but authenticated user was '${user}'`,
    );
  }
}

const EMPTY: Buffer = Buffer.alloc(0);

/**
 * Messages that a client sends, from the frame to the core.
 *
 * The usual message is small and whole in what has arrived: its headers are copied into the form that is stored, the body
 * behind them, and the store copies both once. Where it goes is remembered with the bytes of its destination, so a client that
 * repeats itself costs one comparison; what a queue was first used with declares it.
 */
import { DraftFacts } from '../../core/exchange/draft-facts.ts';
import type { Route } from '../../core/exchange/exchanges.ts';
import type { FrameScan } from './codec/frame-scan.ts';
import { HEADER } from './codec/header-names.ts';
import { StompError } from './codec/stomp-error.ts';
import { type DestinationName, parseDestination, replyDestination } from './destinations.ts';
import { refused } from './errors.ts';
import { headerLine, isTrue, STOMP_FORMAT_ID } from './message-format.ts';
import { declareNamed } from './queue-declaration.ts';
import type { StompServer } from './server.ts';
import type { StompSession } from './session.ts';

const DESTINATION = HEADER['destination'];
const MESSAGE_ID = HEADER['message-id'];
const TRANSACTION = HEADER['transaction'];
const EXPIRATION = HEADER['expiration'];
const PRIORITY = HEADER['priority'];
const PERSISTENT = HEADER['persistent'];
const REPLY_TO = HEADER['reply-to'];
const USER_ID = HEADER['user-id'];
/** Destinations of a session that are remembered beside the last one. */
const KNOWN_MAX = 256;
const TEXT_BYTES_MAX = 1024;
const PRIORITY_MAX = 255;
const NO_PIECES: readonly Buffer[] = [];

/** Where messages go, and what is known about the way there. */
export interface SendTarget {
  readonly name: DestinationName;
  /** Exchange and routing key, each behind its length. */
  readonly names: Buffer;
  route: Route | undefined;
  version: number;
}

export class Publishing {
  readonly #session: StompSession;
  readonly #server: StompServer;
  /** By what the client writes. */
  readonly #known = new Map<string, SendTarget>();
  #last: SendTarget | undefined;
  readonly #lastText: Buffer = Buffer.allocUnsafe(TEXT_BYTES_MAX);
  #lastBytes = 0;

  constructor(session: StompSession) {
    this.#session = session;
    this.#server = session.server;
  }

  /**
   * A SEND that has been scanned in `buffer`, with the body `[bodyStart, bodyEnd)` there, or in `pieces`. Returns a promise if
   * something must be declared first: then it is to be offered again.
   */
  send(
    buffer: Buffer,
    scan: FrameScan,
    bodyEnd: number,
    pieces: readonly Buffer[] = NO_PIECES,
  ): Promise<void> | undefined {
    const { found } = scan;
    if (found[MESSAGE_ID]! >= 0) {
      throw new StompError('Invalid header', "'message-id' is not allowed on 'SEND'.\n");
    }
    const target = this.#targetOf(buffer, scan);
    const declared = this.#declared(target, buffer, scan);
    if (declared !== undefined) return declared;
    let replyTo: Buffer | undefined;
    if (found[REPLY_TO]! >= 0) {
      const address = this.#replyTo(buffer, scan);
      if (typeof address !== 'string') return address;
      replyTo = headerLine('reply-to', address);
    }
    this.#fill(buffer, scan, target, replyTo);
    this.#setBody(buffer, scan.bodyStart, bodyEnd, pieces);
    const transaction = scan.text(buffer, TRANSACTION, this.#session.version);
    if (transaction !== undefined)
      this.#session.transactions.send(transaction, target, scan, buffer);
    else {
      this.publish(target);
      this.#session.addReceipt(buffer, scan, this.#server.draft.persistent);
    }
    return undefined;
  }

  /** Routes the draft and hands it to the core. */
  publish(target: SendTarget): void {
    const { broker, draft } = this.#server;
    const route = this.#routeOf(target);
    const count = broker.publisher.publish(draft, route);
    if (route.streams.length > 0) this.#session.noteStreams(broker.publisher.streamsPending());
    if (count >= 0) return;
    const text = `'${target.name.text}' leads to a queue that is full and refuses messages`;
    throw refused('resource_error', text);
  }

  #fill(buffer: Buffer, scan: FrameScan, target: SendTarget, replyTo: Buffer | undefined): void {
    const { found } = scan;
    const { version } = this.#session;
    const { draft, block, nowMs } = this.#server;
    if (found[USER_ID]! >= 0) this.#checkUser(scan.text(buffer, USER_ID, version)!);
    block.write(buffer, scan, version, replyTo);
    draft.format = STOMP_FORMAT_ID;
    draft.persistent = found[PERSISTENT]! >= 0 && isTrue(scan.text(buffer, PERSISTENT, version));
    draft.priority =
      found[PRIORITY]! < 0 ? 0 : priorityOf(scan.text(buffer, PRIORITY, version)!.trim());
    draft.ttlMs =
      found[EXPIRATION]! < 0 ? -1 : expirationMs(scan.text(buffer, EXPIRATION, version)!);
    draft.publishedMs = nowMs;
    draft.dueMs = 0;
    draft.groupId = undefined;
    draft.history = undefined;
    block.setNames(target.names);
    draft.names = block.buffer;
    draft.namesStart = 0;
    draft.namesEnd = block.namesEnd;
    draft.content = block.buffer;
    draft.contentStart = block.start;
    draft.propertiesBytes = block.end - block.start;
  }

  #setBody(buffer: Buffer, start: number, end: number, pieces: readonly Buffer[]): void {
    const { draft, block } = this.#server;
    if (pieces.length > 0) draft.more = pieces;
    else if (block.append(buffer, start, end)) draft.more = NO_PIECES;
    else draft.more = [buffer.subarray(start, end)];
    draft.contentEnd = block.contentEnd;
  }

  #targetOf(buffer: Buffer, scan: FrameScan): SendTarget {
    const index = scan.found[DESTINATION]!;
    if (index < 0) {
      throw new StompError('Missing destination', `"SEND" must include a 'destination' header\n`);
    }
    const start = scan.valueStarts[index]!;
    const bytes = scan.valueEnds[index]! - start;
    if (this.#last !== undefined && bytes === this.#lastBytes) {
      const text = this.#lastText;
      let at = 0;
      while (at < bytes && text[at] === buffer[start + at]) at += 1;
      if (at === bytes) return this.#last;
    }
    const target = this.#find(scan.text(buffer, DESTINATION, this.#session.version)!);
    if (bytes <= TEXT_BYTES_MAX) {
      buffer.copy(this.#lastText, 0, start, start + bytes);
      this.#lastBytes = bytes;
      this.#last = target;
    }
    return target;
  }

  #find(text: string): SendTarget {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const name = parseDestination(text);
    if (name.kind === 'temp-queue') {
      const detail = `'${text}' is not a valid destination for 'SEND'\n`;
      throw new StompError('Invalid destination', detail);
    }
    const exchange = Buffer.from(name.exchange);
    const key = Buffer.from(name.key);
    const names = Buffer.concat([Buffer.of(exchange.length), exchange, Buffer.of(key.length), key]);
    const target: SendTarget = { name, names, route: undefined, version: -1 };
    if (this.#known.size >= KNOWN_MAX) this.#known.clear();
    this.#known.set(text, target);
    return target;
  }

  /** A queue is declared by the first message to it, and again if it has gone meanwhile. */
  #declared(target: SendTarget, buffer: Buffer, scan: FrameScan): Promise<void> | undefined {
    if (target.name.kind !== 'queue') return undefined;
    const { exchanges, queues } = this.#server.broker;
    if (target.version === exchanges.version) return undefined;
    const { declared, namespace } = this.#session;
    const { key } = target.name;
    const there = queues.get(namespace, key) !== undefined || this.#isStream(key);
    if (there && declared.has(key)) return undefined;
    const headers = this.#session.headersOf(buffer, scan);
    return declareNamed(this.#session, key, headers).then(() => {
      this.#session.noteDeclared(key);
    });
  }

  #isStream(name: string): boolean {
    return this.#session.namespace === '' && this.#server.broker.streams.get(name) !== undefined;
  }

  #routeOf(target: SendTarget): Route {
    const { broker, draft } = this.#server;
    const { exchanges } = broker;
    const { route } = target;
    if (route !== undefined && target.version === exchanges.version) return route;
    const { name } = target;
    const exchange = exchanges.get(this.#session.namespace, name.exchange);
    const { vhost } = this.#session;
    if (exchange === undefined) {
      throw refused('not_found', `no exchange '${name.exchange}' in vhost '${vhost}'`);
    }
    const { internal, delayed } = exchange.definition;
    if (internal) {
      const text = `cannot publish to internal exchange '${name.exchange}' in vhost '${vhost}'`;
      throw refused('access_refused', text);
    }
    const delayMs = delayed ? this.#delayMs() : 0;
    if (delayMs > 0) draft.dueMs = draft.publishedMs + delayMs;
    const facts = new DraftFacts(broker.formats, draft, draft.dueMs);
    const made = exchanges.route(exchange, [name.key], facts);
    const kept = made.cacheable && !delayed;
    target.route = kept ? made : undefined;
    target.version = kept || name.kind === 'queue' ? exchanges.version : -1;
    return made;
  }

  #delayMs(): number {
    const { broker, draft } = this.#server;
    const { content, contentStart, propertiesBytes } = draft;
    const properties = content.subarray(contentStart, contentStart + propertiesBytes);
    const delay = Number(broker.formats.headersOf(draft.format, properties).get('x-delay'));
    return delay > 0 ? Math.floor(delay) : 0;
  }

  /** What others are to answer to. A private queue is made when it is first named. */
  #replyTo(buffer: Buffer, scan: FrameScan): string | Promise<void> {
    const text = scan.text(buffer, REPLY_TO, this.#session.version)!;
    if (!text.startsWith('/')) return replyDestination(text);
    const name = parseDestination(text);
    if (name.kind !== 'temp-queue') return replyDestination(text);
    const { replyQueues } = this.#session;
    const address = replyQueues.addressOf(name.key);
    return address ?? replyQueues.open(name.key);
  }

  #checkUser(userId: string): void {
    const { user } = this.#session;
    if (userId === user) return;
    const text = `user_id property set to '${userId}' but authenticated user was '${user}'`;
    throw refused('precondition_failed', text);
  }
}

function priorityOf(text: string): number {
  const priority = /^\d{1,3}$/.test(text) ? Number(text) : Infinity;
  if (priority <= PRIORITY_MAX) return priority;
  const detail = `'priority' must be a number from 0 to ${PRIORITY_MAX}, not '${text.slice(0, 40)}'\n`;
  throw new StompError('Invalid header', detail);
}

/** Milliseconds as text; what is wrong is said in RabbitMQ's words. */
function expirationMs(text: string): number {
  if (/^\d{1,13}$/.test(text)) return Number(text);
  const [, number = '', rest = ''] = /^([+-]?\d*)(.*)$/s.exec(text)!;
  let problem = number.startsWith('-')
    ? `{value_negative,${number}}`
    : `{value_too_large,${number}}`;
  if (!/\d/.test(number)) problem = 'no_integer';
  else if (rest !== '') problem = `{leftover_string,"${rest}"}`;
  throw refused('precondition_failed', `invalid expiration '${text}': ${problem}`);
}

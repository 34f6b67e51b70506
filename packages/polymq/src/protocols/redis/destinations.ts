/**
 * Where PUBLISH leads, remembered by the bytes of the request up to the payload: a publisher that repeats itself costs one
 * comparison, and one that takes turns between some thousand channels one look-up.
 */
import { isUtf8 } from 'node:buffer';
import type { Exchange, Exchanges, Route, RoutingFacts } from '../../core/exchange/exchanges.ts';
import { NAME_BYTES_MAX } from '../../core/message/message-bytes.ts';
import { CommandError } from './errors.ts';

/** What PUBLISH and SUBSCRIBE use: routing keys of bindings are globs. */
export const REDIS_EXCHANGE = 'redis';
/** What SPUBLISH and SSUBSCRIBE use. */
export const SHARDED_EXCHANGE = 'redis.sharded';

/** Remembered at the same time; then all are forgotten. */
const REMEMBERED_MAX = 4096;
const NO_HEADERS: ReadonlyMap<string, unknown> = new Map();

export class Destination {
  /** The request up to and with the line end behind the channel; empty for those that are not remembered. */
  readonly prefix: Buffer;
  readonly prefixView: DataView;
  /** Where the channel's header starts in it. */
  readonly tailAt: number;
  /** Exchange and channel, as drafts want them. */
  readonly names: Buffer;
  readonly channel: string;
  readonly exchange: string;
  route: Route;
  version: number;
  /** It leads to queues or streams. */
  stored = false;

  constructor(prefix: Buffer, tailAt: number, exchange: string, channel: string, route: Route) {
    this.prefix = prefix;
    this.prefixView = new DataView(prefix.buffer, prefix.byteOffset, prefix.length);
    this.tailAt = tailAt;
    this.exchange = exchange;
    this.channel = channel;
    const first = Buffer.from(exchange, 'utf8');
    const second = Buffer.from(channel, 'utf8');
    this.names = Buffer.concat([Buffer.of(first.length), first, Buffer.of(second.length), second]);
    this.route = route;
    this.version = -1;
  }
}

export class Destinations {
  readonly #exchanges: Exchanges;
  readonly #facts: RoutingFacts;
  readonly #remembered = new Map<string, Destination>();
  readonly #known = new Map<string, Exchange>();

  /** `facts`: what exchanges on the way may ask about the message that is being published. */
  constructor(exchanges: Exchanges, facts: RoutingFacts) {
    this.#exchanges = exchanges;
    this.#facts = facts;
  }

  /**
   * For a request that begins with `request[start, end)`, the channel at `[channelStart, end - 2)`; the header of the
   * channel starts at `tailStart`. Undefined if there can be no such channel.
   */
  find(
    request: Buffer,
    start: number,
    tailStart: number,
    channelStart: number,
    end: number,
  ): Destination | undefined {
    const key = request.toString('latin1', start, end);
    const known = this.#remembered.get(key);
    if (known !== undefined) return known;
    const channel = request.subarray(channelStart, end - 2);
    if (channel.length > NAME_BYTES_MAX || !isUtf8(channel)) return undefined;
    const prefix = Buffer.from(request.subarray(start, end));
    // `*3 CR LF $7 CR LF PUBLISH`, and one byte more for SPUBLISH.
    const exchange = tailStart - start === SPUBLISH_BYTES ? SHARDED_EXCHANGE : REDIS_EXCHANGE;
    const made = this.#make(prefix, tailStart - start, exchange, channel.toString('utf8'));
    if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.clear();
    this.#remembered.set(key, made);
    return made;
  }

  /** For one message. Throws `CommandError`. */
  once(exchange: string, channel: Buffer): Destination {
    return this.#make(NOTHING, 0, exchange, readName('channel', channel));
  }

  /** Brings the route up to date, which every declaration and binding may have changed. */
  renew(destination: Destination): void {
    const { route } = destination;
    const fresh = this.#route(destination.exchange, destination.channel);
    if (fresh !== route) destination.route = fresh;
    destination.stored = fresh.queues.length > 0 || fresh.streams.length > 0;
    destination.version = fresh.cacheable ? this.#exchanges.version : -1;
  }

  #make(prefix: Buffer, tailAt: number, exchange: string, channel: string): Destination {
    const route = this.#route(exchange, channel);
    return new Destination(prefix, tailAt, exchange, channel, route);
  }

  #route(exchange: string, channel: string): Route {
    return this.#exchanges.route(this.#exchangeNamed(exchange), [channel], this.#facts);
  }

  /** Predeclared, and never deleted. */
  #exchangeNamed(name: string): Exchange {
    let exchange = this.#known.get(name);
    if (exchange === undefined) {
      exchange = this.#exchanges.get('', name);
      if (exchange === undefined) throw new Error(`exchange "${name}" is not there`);
      this.#known.set(name, exchange);
    }
    return exchange;
  }
}

const SPUBLISH_BYTES = '*3\r\n$8\r\nSPUBLISH\r\n'.length;
const NOTHING: Buffer = Buffer.alloc(0);

/** The channel or pattern as text. Throws `CommandError` if the broker cannot have one of that name. */
export function readName(what: 'channel' | 'pattern', name: Buffer): string {
  if (name.length > NAME_BYTES_MAX) {
    throw new CommandError(
      `ERR the ${what} has ${name.length} bytes; PolyMQ takes names of at most ${NAME_BYTES_MAX}`,
    );
  }
  if (!isUtf8(name))
    throw new CommandError(`ERR the ${what} is not UTF-8; PolyMQ takes no other names`);
  return name.toString('utf8');
}

/** Messages of Redis have no properties. */
export function noFacts(body: (bytesMax: number) => Buffer | undefined): RoutingFacts {
  return { headers: () => NO_HEADERS, property: () => undefined, body, dueMs: 0 };
}

/**
 * SUBSCRIBE to a stream: records from an offset on, as many as the prefetch allows. Nothing is leased; an answer only makes room
 * for the next record, and where the client has come to is its own to remember. RabbitMQ wants `ack:client` or
 * `client-individual` and a prefetch count here, and so do we.
 */
import { parseStreamStart, START_ARGUMENT } from '../../core/crossing/binding-start.ts';
import type { StreamStart } from '../../core/crossing/record-cursor.ts';
import { StreamFeed } from '../../core/crossing/stream-feed.ts';
import type { StreamMessage } from '../../core/crossing/stream-reader.ts';
import { shortNames } from '../../core/message/message-bytes.ts';
import type { Stream } from '../../core/stream/streams.ts';
import { Delivery } from './delivery.ts';
import type { DestinationName } from './destinations.ts';
import { refused } from './errors.ts';
import type { Headers } from './queue-declaration.ts';
import type { StompSession } from './session.ts';
import type { Subscription, SubscriptionOptions } from './subscription.ts';
import { Unacked } from './unacked.ts';

const NO_ROW = 0;

export class StreamSubscription implements Subscription {
  readonly tag: string;
  readonly destination: DestinationName | undefined;
  readonly description: string;
  readonly delivery: Delivery;
  readonly #session: StompSession;
  readonly #stream: Stream;
  readonly #cumulative: boolean;
  readonly #prefetch: number;
  readonly #unacked: Unacked;
  readonly #feed: StreamFeed;

  constructor(session: StompSession, stream: Stream, options: SubscriptionOptions) {
    this.tag = options.tag;
    this.destination = options.destination;
    this.description = options.description;
    this.delivery = new Delivery(session, { ...options, answered: true });
    this.#session = session;
    this.#stream = stream;
    this.#cumulative = options.ackMode === 'client';
    this.#prefetch = options.prefetch;
    this.#unacked = new Unacked(options.firstNumber);
    this.#feed = new StreamFeed(stream, {
      streams: session.server.broker.streams,
      timers: session.server.environment.timers,
      room: () => (session.mayDeliver() ? this.#prefetch - this.#unacked.count : 0),
      deliver: (message) => this.#deliver(message),
      failed: (error) => this.#failed(error),
    });
  }

  get waiting(): boolean {
    return this.#unacked.count > 0;
  }

  get nextNumber(): number {
    return this.#unacked.next;
  }

  async open(start: StreamStart): Promise<void> {
    await this.#feed.open(start);
    // The connection may have ended meanwhile.
    if (this.#session.closed) this.stop();
  }

  begin(): void {
    this.#feed.begin();
  }

  resume(): void {
    this.#feed.resume();
  }

  check(number: number): void {
    if (this.#unacked.has(number)) return;
    throw refused('precondition_failed', `unknown delivery tag ${number}`);
  }

  answer(number: number): void {
    this.check(number);
    if (this.#cumulative) this.#unacked.takeUpTo(number);
    else this.#unacked.take(number);
    this.#feed.later();
  }

  stop(): void {
    this.#feed.stop();
  }

  giveBack(): void {
    this.#unacked.takeUpTo(this.#unacked.next);
  }

  /** The client needs the offset to go on from there another time. */
  #deliver(message: StreamMessage): void {
    const { exchange, routingKey, message: neutral } = message.whole;
    const headers = [...neutral.headers, { name: START_ARGUMENT, value: message.offset }];
    const number = this.#unacked.add(NO_ROW);
    const names = shortNames(exchange, routingKey);
    this.delivery.deliverLoose(number, names, { ...neutral, headers }, message.body);
  }

  /** The stream was deleted or is broken. */
  #failed(error: unknown): void {
    const { logger } = this.#session.server;
    logger.warn({ error, stream: this.#stream.name }, 'a subscription to a stream has ended');
    this.#session.subscriptionCancelled(this);
  }
}

/** Rejects for what RabbitMQ refuses too. */
export async function openStreamSubscription(
  session: StompSession,
  stream: Stream,
  options: SubscriptionOptions,
  headers: Headers,
): Promise<StreamSubscription> {
  const what = `queue '${stream.name}' in vhost '${session.vhost}'`;
  if (options.ackMode === 'auto') {
    const text = `automatic acknowledgement not supported by stream queues ${what}`;
    throw refused('not_implemented', text);
  }
  if (options.prefetch === 0) {
    const text = `consumer prefetch count is not set for stream ${what}`;
    throw refused('precondition_failed', text);
  }
  const subscription = new StreamSubscription(session, stream, options);
  await subscription.open(startOf(headers.get(START_ARGUMENT), session.server.nowMs));
  return subscription;
}

/** `first`, `last`, `next`, `offset=5`, `timestamp=1700000000`, or how long ago. */
function startOf(text: string | undefined, nowMs: number): StreamStart {
  const [, kind, digits] = /^(offset|timestamp)=(\d{1,15})$/.exec(text ?? '') ?? [];
  if (kind === 'timestamp') return { timestampMs: Number(digits) * 1000 };
  const start = parseStreamStart(kind === 'offset' ? Number(digits) : text, nowMs);
  if (start !== undefined) return start;
  const problem = `invalid arg '${START_ARGUMENT}': it must be first, last, next, offset=N, timestamp=SECONDS or an interval such as 5m`;
  throw refused('precondition_failed', problem);
}

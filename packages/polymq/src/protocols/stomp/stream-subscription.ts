/**
 * SUBSCRIBE to a stream: records from an offset on, as many as the prefetch allows. Nothing is leased; an answer only makes room
 * for the next record, and where the client has come to is its own to remember. RabbitMQ wants `ack:client` or
 * `client-individual` and a prefetch count here, and so do we.
 */
import { parseStreamStart } from '../../core/crossing/binding-start.ts';
import type { StreamStart } from '../../core/crossing/record-cursor.ts';
import {
  openStreamReader,
  type StreamMessage,
  type StreamReader,
} from '../../core/crossing/stream-reader.ts';
import type { Stream } from '../../core/stream/streams.ts';
import { Delivery } from './delivery.ts';
import type { DestinationName } from './destinations.ts';
import { refused } from './errors.ts';
import type { Headers } from './queue-declaration.ts';
import type { StompSession } from './session.ts';
import type { Subscription, SubscriptionOptions } from './subscription.ts';
import { Unacked } from './unacked.ts';

/** Records that are looked at before others get a turn. */
const RECORDS_PER_TURN = 256;
const NO_ROW = 0;
const OFFSET_HEADER = 'x-stream-offset';

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
  #readers: StreamReader[] = [];
  #next = 0;
  #begun = false;
  #pumping = false;
  #stopped = false;
  #stopWatching: () => void = () => undefined;

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
  }

  get waiting(): boolean {
    return this.#unacked.count > 0;
  }

  get nextNumber(): number {
    return this.#unacked.next;
  }

  /** Opens a reader per partition, all from the same start. */
  async open(start: StreamStart): Promise<void> {
    const { streams } = this.#session.server.broker;
    this.#stopWatching = streams.onChange(({ kind, stream }) => {
      if (kind === 'deleted' && stream === this.#stream) this.#failed('the stream was deleted');
    });
    const onMore = (): void => this.#later();
    try {
      for (const partition of this.#stream.partitions) {
        this.#readers.push(await openStreamReader(partition, start, { onMore }));
      }
    } catch (error: unknown) {
      this.stop();
      throw error;
    }
    // The connection or the stream may have ended meanwhile.
    if (this.#stopped || this.#session.closed) this.stop();
  }

  begin(): void {
    this.#begun = true;
    this.resume();
  }

  resume(): void {
    void this.#pump();
  }

  check(number: number): void {
    if (this.#unacked.has(number)) return;
    throw refused('precondition_failed', `unknown delivery tag ${number}`);
  }

  answer(number: number): void {
    this.check(number);
    if (this.#cumulative) this.#unacked.takeUpTo(number);
    else this.#unacked.take(number);
    this.#later();
  }

  stop(): void {
    this.#stopped = true;
    this.#stopWatching();
    for (const reader of this.#readers) reader.close();
    this.#readers = [];
  }

  giveBack(): void {
    this.#unacked.takeUpTo(this.#unacked.next);
  }

  /** Not from inside a commit or an answer: at the end of the turn. */
  #later(): void {
    if (this.#pumping || this.#stopped) return;
    this.#session.server.environment.timers.immediate(() => this.resume());
  }

  get #room(): number {
    return this.#session.mayDeliver() ? this.#prefetch - this.#unacked.count : 0;
  }

  async #pump(): Promise<void> {
    if (this.#pumping || this.#stopped || !this.#begun) return;
    this.#pumping = true;
    try {
      for (let reader = this.#waiting(); reader !== undefined; reader = this.#waiting()) {
        const read = reader.next(Math.min(this.#room, RECORDS_PER_TURN));
        const messages = read instanceof Promise ? await read : read;
        if (this.#stopped) return;
        for (const message of messages) this.#deliver(message);
      }
    } catch (error: unknown) {
      this.#failed(error);
    } finally {
      this.#pumping = false;
    }
  }

  /** The next reader with something to read, in turns, if there is room for it. */
  #waiting(): StreamReader | undefined {
    if (this.#stopped || this.#room <= 0) return undefined;
    for (let count = 0; count < this.#readers.length; count++) {
      this.#next = (this.#next + 1) % this.#readers.length;
      const reader = this.#readers[this.#next]!;
      if (reader.more) return reader;
    }
    return undefined;
  }

  /** The client needs the offset to go on from there another time. */
  #deliver(message: StreamMessage): void {
    const { exchange, routingKey, message: neutral } = message.whole;
    const headers = [...neutral.headers, { name: OFFSET_HEADER, value: message.offset }];
    const number = this.#unacked.add(NO_ROW);
    const names = shortNames(exchange, routingKey);
    this.delivery.deliverLoose(number, names, { ...neutral, headers }, message.body);
  }

  /** The stream was deleted or is broken. */
  #failed(error: unknown): void {
    if (this.#stopped) return;
    const { logger } = this.#session.server;
    logger.warn({ error, stream: this.#stream.name }, 'a subscription to a stream has ended');
    this.stop();
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
  await subscription.open(startOf(headers.get(OFFSET_HEADER), session.server.nowMs));
  return subscription;
}

/** `first`, `last`, `next`, `offset=5`, `timestamp=1700000000`, or how long ago. */
function startOf(text: string | undefined, nowMs: number): StreamStart {
  const [, kind, digits] = /^(offset|timestamp)=(\d{1,15})$/.exec(text ?? '') ?? [];
  if (kind === 'timestamp') return { timestampMs: Number(digits) * 1000 };
  const start = parseStreamStart(kind === 'offset' ? Number(digits) : text, nowMs);
  if (start !== undefined) return start;
  const problem = `invalid arg 'x-stream-offset': it must be first, last, next, offset=N, timestamp=SECONDS or an interval such as 5m`;
  throw refused('precondition_failed', problem);
}

function shortNames(exchange: string, routingKey: string): Buffer {
  const first = Buffer.from(exchange);
  const second = Buffer.from(routingKey);
  return Buffer.concat([Buffer.of(first.length), first, Buffer.of(second.length), second]);
}

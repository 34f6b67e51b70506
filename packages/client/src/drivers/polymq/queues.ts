/** Queues by AMQP; what AMQP cannot say about them, by HTTP. */
import type { QueueStats } from '../../driver/driver.ts';
import type { OutgoingMessage, WireMessage } from '../../message/wire-message.ts';
import type { Outcomes } from '../amqp/batch.ts';
import type { AmqpParts } from '../amqp/index.ts';
import type { AmqpProperties } from '../amqp/library.ts';
import { ReceivedWire } from '../amqp/message-format.ts';
import { AmqpQueues } from '../amqp/queue-driver.ts';
import { DedupedSends } from './deduped-sends.ts';
import type { PolymqHttp } from './http.ts';

/** More the server does not show in one answer. */
const PAGE_MESSAGES_MAX = 1_000;

export class PolymqQueues extends AmqpQueues {
  readonly #http: PolymqHttp;
  readonly #namespace: string;
  readonly #nowMs: () => number;
  readonly #dedupedSends: DedupedSends;

  constructor(amqp: AmqpParts, http: PolymqHttp, namespace: string) {
    super(amqp);
    this.#http = http;
    this.#namespace = namespace;
    this.#nowMs = () => amqp.link.context.clock.nowMs();
    this.#dedupedSends = new DedupedSends(http, amqp.link, (queue) =>
      this.#path(queue, '/messages'),
    );
  }

  /** A call with any message to be deduplicated goes one way as a whole, so that its order stays. */
  override send(
    queue: string,
    messages: readonly OutgoingMessage[],
    timeoutMs?: number | undefined,
  ): Promise<Outcomes> {
    for (const { dedupe } of messages) {
      if (dedupe !== undefined) return this.#dedupedSends.send(queue, messages);
    }
    return super.send(queue, messages, timeoutMs);
  }

  override async queueStats(queue: string): Promise<QueueStats> {
    const what = `asking for the state of queue "${queue}"`;
    const answer = await this.#http.ask(what, { path: this.#path(queue, '') });
    const { ready, leased, delayed, consumers, oldestMs } = answer as unknown as {
      readonly [name in 'ready' | 'leased' | 'delayed' | 'consumers']: number;
    } & { readonly oldestMs: number | null };
    return { ready, leased, delayed, consumers, oldestMs: oldestMs ?? undefined };
  }

  /** Page by page. What was taken meanwhile moves the others up, so one may be seen twice or not at all, as with any look. */
  override async peek(queue: string, max: number): Promise<readonly WireMessage[]> {
    const what = `looking into queue "${queue}"`;
    const found: WireMessage[] = [];
    while (found.length < max) {
      const limit = Math.min(max - found.length, PAGE_MESSAGES_MAX);
      const path = this.#path(queue, '/messages', `offset=${found.length}&limit=${limit}`);
      const { messages, more } = (await this.#http.ask(what, { path })) as unknown as PeekedPage;
      for (const message of messages) found.push(this.#wire(message));
      if (!more || messages.length === 0) break;
    }
    return found;
  }

  #path(queue: string, rest: string, query = ''): string {
    const namespace = encodeURIComponent(this.#namespace);
    return `/api/v1/queues/${encodeURIComponent(queue)}${rest}?namespace=${namespace}&${query}`;
  }

  /** Read as if it had come over AMQP, so that both look the same. */
  #wire(message: PeekedMessage): WireMessage {
    const { messageId, timestampMs, headers, deaths, body, publishedMs } = message;
    const { exchange, routingKey } = message;
    const properties: AmqpProperties = {
      ...message,
      messageId,
      timestamp: Math.floor((timestampMs ?? publishedMs ?? this.#nowMs()) / 1000),
      headers: deaths.length === 0 ? headers : { ...headers, 'x-death': deaths.map(deathOf) },
    };
    const fields = { deliveryTag: 0, redelivered: false, exchange, routingKey };
    const content = Buffer.from(body, 'base64');
    return new ReceivedWire({ content, fields, properties }, publishedMs);
  }
}

interface PeekedPage {
  readonly messages: readonly PeekedMessage[];
  readonly more: boolean;
}

/** What the SDK needs of a message of `GET /api/v1/queues/{name}/messages`. */
interface PeekedMessage {
  readonly messageId?: string;
  readonly contentType?: string;
  readonly correlationId?: string;
  readonly replyTo?: string;
  readonly type?: string;
  readonly timestampMs?: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly publishedMs: number;
  readonly exchange: string;
  readonly routingKey: string;
  readonly deaths: readonly { queue: string; reason: string; firstMs: number }[];
  readonly body: string;
}

function deathOf({ queue, reason, firstMs }: PeekedMessage['deaths'][number]): unknown {
  return { queue, reason, time: { '!': 'timestamp', value: firstMs / 1000 } };
}

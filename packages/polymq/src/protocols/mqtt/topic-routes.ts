/**
 * Where topics lead to, remembered by their bytes: a client that publishes to the same topic again costs one comparison,
 * and one that goes round many a look-up.
 */
import { DraftFacts } from '../../core/exchange/draft-facts.ts';
import type { Exchange, Exchanges, Route } from '../../core/exchange/exchanges.ts';
import type { MessageDraft } from '../../core/message/message-draft.ts';
import type { MessageFormats } from '../../core/message/message-formats.ts';
import { MqttError, topicField } from './codec/index.ts';
import { exchangeOf, routingKeyOf, topicFault } from './topics.ts';

/** Topics that are remembered; then all are forgotten, which is cheaper than knowing which are old. */
const TOPICS_MAX = 10_000;

/** A topic that messages were published to. */
export interface TopicRoute {
  readonly topic: string;
  /** As a PUBLISH has it: behind its length. */
  readonly field: Buffer;
  readonly exchange: string;
  readonly key: string;
  /** Only the broker itself publishes there. */
  readonly reserved: boolean;
  /** Exchange and routing key as a draft has them: each behind its length. */
  readonly names: Buffer;
  /** Good while the version of all exchanges is `version`. */
  route: Route | undefined;
  version: number;
}

export class TopicRoutes {
  readonly #exchanges: Exchanges;
  readonly #formats: MessageFormats;
  /** By the bytes of the topic, as Latin-1. */
  readonly #topics = new Map<string, TopicRoute>();

  constructor(exchanges: Exchanges, formats: MessageFormats) {
    this.#exchanges = exchanges;
    this.#formats = formats;
  }

  /** The topic in `[start, end)`, which is valid UTF-8 without wildcards. Throws `MqttError` if it is too long or too deep. */
  find(buffer: Buffer, start: number, end: number): TopicRoute {
    const bytes = buffer.toString('latin1', start, end);
    const known = this.#topics.get(bytes);
    if (known !== undefined) return known;
    const topic = buffer.toString('utf8', start, end);
    const fault = topicFault(topic);
    if (fault !== undefined) throw new MqttError('topicNameInvalid', fault);
    const exchange = exchangeOf(topic);
    const key = routingKeyOf(topic);
    if (this.#topics.size >= TOPICS_MAX) this.#topics.clear();
    const found: TopicRoute = {
      topic,
      field: topicField(topic),
      exchange,
      key,
      reserved: topic === '$SYS' || topic.startsWith('$SYS/'),
      names: namesOf(exchange, key),
      route: undefined,
      version: -1,
    };
    this.#topics.set(bytes, found);
    return found;
  }

  /** Where the draft goes, which is to be published to that topic. */
  routeOf(topic: TopicRoute, draft: MessageDraft): Route {
    const { version } = this.#exchanges;
    if (topic.version === version) return topic.route!;
    const exchange: Exchange | undefined = this.#exchanges.get('', topic.exchange);
    if (exchange === undefined) throw new Error(`there is no exchange "${topic.exchange}"`);
    const facts = new DraftFacts(this.#formats, draft, draft.dueMs);
    const route = this.#exchanges.route(exchange, [topic.key], facts);
    topic.route = route;
    topic.version = route.cacheable ? version : -1;
    return route;
  }
}

function namesOf(exchange: string, key: string): Buffer {
  const first = Buffer.from(exchange, 'utf8');
  const second = Buffer.from(key, 'utf8');
  return Buffer.concat([Buffer.of(first.length), first, Buffer.of(second.length), second]);
}

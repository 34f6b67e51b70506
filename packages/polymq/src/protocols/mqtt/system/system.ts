/**
 * What the broker says of itself below `$SYS/broker/`: looked at every interval, shown to who subscribes as if it were retained, and what
 * has changed is published to who is subscribed. Nothing of it is stored.
 */
import { DraftFacts } from '../../../core/exchange/draft-facts.ts';
import type { Exchanges, Publisher } from '../../../core/exchange/exchanges.ts';
import { MessageView } from '../../../core/message/message-bytes.ts';
import { MessageDraft, messageBytes, writeMessage } from '../../../core/message/message-draft.ts';
import type { MessageFormats } from '../../../core/message/message-formats.ts';
import { KeyTree } from '../../../core/retained/key-tree.ts';
import type { Clock, Timer, Timers } from '../../../lib/environment/clock.ts';
import { STORED_FLAG } from '../codec/index.ts';
import { MQTT_FORMAT_ID } from '../message-format.ts';
import type { MadeMessages, RetainedVisitor } from '../retained/retained.ts';
import { routingKeyOf, SYSTEM_EXCHANGE } from '../topics.ts';
import { Loads } from './loads.ts';
import { type Figures, SYSTEM_TOPICS, type SystemFigures } from './system-topics.ts';

const PREFIX = '$SYS/broker/';
/** Of QoS 0, and published with the retain flag. */
const PROPERTIES: Buffer = Buffer.of(STORED_FLAG.retain);

export interface SystemOptions {
  exchanges: Exchanges;
  publisher: Publisher;
  formats: MessageFormats;
  clock: Clock;
  timers: Timers;
  /** 0: there are no such topics. */
  intervalMs: number;
  version: string;
  /** What the server counts, now. */
  figures(): SystemFigures;
  retainedCount(): number;
}

interface Topic {
  readonly key: string;
  value: string | undefined;
}

export class System implements MadeMessages {
  readonly #options: SystemOptions;
  readonly #startMs: number;
  readonly #loads: Loads;
  /** By their names behind `$SYS/broker/`. */
  readonly #topics = new Map<string, Topic>();
  readonly #keys = new KeyTree();
  readonly #byRow: Topic[] = [];
  readonly #draft = new MessageDraft();
  #clientsMax = 0;
  #looked = false;
  #timer: Timer | undefined;

  constructor(options: SystemOptions) {
    const startMs = options.clock.monotonicMs();
    this.#options = options;
    this.#startMs = startMs;
    this.#loads = new Loads(startMs);
    const names = [...SYSTEM_TOPICS, ...this.#loads.values().map(([topic]) => ({ topic }))];
    for (const { topic } of names) {
      const made: Topic = { key: routingKeyOf(PREFIX + topic), value: undefined };
      this.#topics.set(topic, made);
      this.#keys.set(made.key, this.#byRow.push(made) - 1);
    }
    this.#arm();
  }

  /** What was found at the last look. */
  visit(pattern: string, visit: RetainedVisitor): Promise<void> | undefined {
    if (this.#options.intervalMs === 0) return undefined;
    if (!this.#looked) this.#look();
    const rows: number[] = [];
    this.#keys.match(pattern, (row) => rows.push(row));
    const found = rows.sort((a, b) => a - b).map((row) => this.#byRow[row]!);
    return this.#show(found, visit);
  }

  close(): void {
    this.#options.timers.clear(this.#timer);
  }

  #arm(): void {
    const { timers, intervalMs } = this.#options;
    if (intervalMs === 0) return;
    this.#timer = timers.after(intervalMs, () => {
      this.#arm();
      for (const topic of this.#look()) this.#publish(topic);
    });
    this.#timer.unref();
  }

  /** Returns what has changed. */
  #look(): Topic[] {
    const { clock, figures, version, retainedCount } = this.#options;
    this.#looked = true;
    const nowMs = clock.monotonicMs();
    const counted = figures();
    this.#clientsMax = Math.max(this.#clientsMax, counted.clientsConnected ?? 0);
    this.#loads.look(counted, nowMs);
    const all: Figures = {
      ...counted,
      version,
      uptimeS: Math.floor((nowMs - this.#startMs) / 1000),
      clientsMax: this.#clientsMax,
      retainedCount: retainedCount(),
    };
    const values = [
      ...SYSTEM_TOPICS.map(({ topic, value }) => [topic, value(all)] as const),
      ...this.#loads.values(),
    ];
    const changed: Topic[] = [];
    for (const [name, value] of values) {
      const topic = this.#topics.get(name)!;
      const text = value === undefined ? undefined : String(value);
      if (text === topic.value) continue;
      topic.value = text;
      changed.push(topic);
    }
    return changed;
  }

  #publish(topic: Topic): void {
    const { exchanges, publisher, formats } = this.#options;
    const exchange = exchanges.get('', SYSTEM_EXCHANGE);
    if (exchange === undefined || topic.value === undefined) return;
    const draft = this.#fill(topic);
    const route = exchanges.route(exchange, [topic.key], new DraftFacts(formats, draft, 0));
    publisher.publish(draft, route);
  }

  #show(topics: readonly Topic[], visit: RetainedVisitor): Promise<void> | undefined {
    for (const [at, topic] of topics.entries()) {
      if (topic.value === undefined) continue;
      const more = visit(this.#viewOf(topic), -1);
      if (more === false) return undefined;
      if (more !== true) return this.#showRest(more, topics.slice(at + 1), visit);
    }
    return undefined;
  }

  async #showRest(
    pending: Promise<boolean>,
    topics: readonly Topic[],
    visit: RetainedVisitor,
  ): Promise<void> {
    if (await pending) await this.#show(topics, visit);
  }

  #viewOf(topic: Topic): MessageView {
    const draft = this.#fill(topic);
    const buffer = Buffer.alloc(messageBytes(draft, undefined));
    const view = new MessageView();
    view.point(buffer, 0, writeMessage(draft, undefined, buffer, 0));
    return view;
  }

  #fill({ key, value }: Topic): MessageDraft {
    const draft = this.#draft;
    draft.format = MQTT_FORMAT_ID;
    draft.publishedMs = this.#options.clock.nowMs();
    draft.setNames(SYSTEM_EXCHANGE, key);
    draft.setContent(PROPERTIES, Buffer.from(value ?? ''));
    return draft;
  }
}

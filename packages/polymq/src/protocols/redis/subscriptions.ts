/**
 * What one connection is subscribed to, and for all connections together how many there are: what the PUBSUB command
 * shows. A subscription is a binding of a live subscriber, tagged with the kind of message that it asks for.
 */
import type { Subscriber } from '../../core/exchange/subscribers.ts';
import { type MessageKind, messageHead } from './codec/message-frame.ts';
import type { RespVersion } from './codec/reply.ts';
import { REDIS_EXCHANGE, readName, SHARDED_EXCHANGE } from './destinations.ts';

export type SubscriptionKind = 'channel' | 'pattern' | 'shard';

/** What a binding is tagged with: how the message is headed for this subscription. */
export class MessageTag {
  readonly kind: MessageKind;
  /** As it was subscribed to. */
  readonly pattern: Buffer | undefined;
  #heads: [Buffer | undefined, Buffer | undefined] = [undefined, undefined];

  constructor(kind: MessageKind, pattern?: Buffer) {
    this.kind = kind;
    this.pattern = pattern;
  }

  head(version: RespVersion): Buffer {
    const index = version - 2;
    const head = this.#heads[index] ?? messageHead(this.kind, version, this.pattern);
    this.#heads[index] = head;
    return head;
  }
}

interface KindRow {
  exchange: string;
  what: 'channel' | 'pattern';
  values: { [name: string]: boolean };
}

const KINDS: Readonly<Record<SubscriptionKind, KindRow>> = {
  // A channel is meant as it is written, whatever it contains.
  channel: { exchange: REDIS_EXCHANGE, what: 'channel', values: { exact: true } },
  pattern: { exchange: REDIS_EXCHANGE, what: 'pattern', values: {} },
  shard: { exchange: SHARDED_EXCHANGE, what: 'channel', values: {} },
};

const MESSAGE = new MessageTag('message');
const SHARD_MESSAGE = new MessageTag('smessage');

interface Patterned {
  tag: MessageTag;
  count: number;
}

/** Of all connections. */
export class SubscriptionCounts {
  readonly channel: Map<string, number> = new Map();
  readonly shard: Map<string, number> = new Map();
  readonly #patterns = new Map<string, Patterned>();

  /** Different patterns. */
  get patternCount(): number {
    return this.#patterns.size;
  }

  /** One more subscription; the tag to bind it with, which all subscribers of a pattern share. */
  add(kind: SubscriptionKind, name: string): MessageTag {
    if (kind === 'pattern') return this.#addPattern(name);
    const counts = this[kind];
    counts.set(name, (counts.get(name) ?? 0) + 1);
    return kind === 'shard' ? SHARD_MESSAGE : MESSAGE;
  }

  delete(kind: SubscriptionKind, name: string): void {
    if (kind === 'pattern') {
      const pattern = this.#patterns.get(name)!;
      pattern.count -= 1;
      if (pattern.count === 0) this.#patterns.delete(name);
      return;
    }
    const counts = this[kind];
    const left = counts.get(name)! - 1;
    if (left === 0) counts.delete(name);
    else counts.set(name, left);
  }

  #addPattern(name: string): MessageTag {
    let pattern = this.#patterns.get(name);
    if (pattern === undefined) {
      pattern = { tag: new MessageTag('pmessage', Buffer.from(name, 'utf8')), count: 0 };
      this.#patterns.set(name, pattern);
    }
    pattern.count += 1;
    return pattern.tag;
  }
}

/** Of one connection. */
export class Subscriptions {
  readonly #subscriber: Subscriber;
  readonly #counts: SubscriptionCounts;
  readonly #names: Record<SubscriptionKind, Set<string>> = {
    channel: new Set(),
    pattern: new Set(),
    shard: new Set(),
  };

  constructor(subscriber: Subscriber, counts: SubscriptionCounts) {
    this.#subscriber = subscriber;
    this.#counts = counts;
  }

  get total(): number {
    return this.size('channel') + this.size('pattern') + this.size('shard');
  }

  /** What Redis counts in its answers: channels and patterns together, shard channels alone. */
  counted(kind: SubscriptionKind): number {
    if (kind === 'shard') return this.size('shard');
    return this.size('channel') + this.size('pattern');
  }

  size(kind: SubscriptionKind): number {
    return this.#names[kind].size;
  }

  names(kind: SubscriptionKind): string[] {
    return [...this.#names[kind]];
  }

  has(kind: SubscriptionKind, name: string): boolean {
    return this.#names[kind].has(name);
  }

  /** Throws what binding throws. */
  add(kind: SubscriptionKind, name: string): void {
    const names = this.#names[kind];
    if (names.has(name)) return;
    const { exchange, values } = KINDS[kind];
    const tag = this.#counts.add(kind, name);
    try {
      this.#subscriber.bind(exchange, name, tag, values);
    } catch (error: unknown) {
      this.#counts.delete(kind, name);
      throw error;
    }
    names.add(name);
  }

  delete(kind: SubscriptionKind, name: string): void {
    if (!this.#names[kind].delete(name)) return;
    const { exchange, values } = KINDS[kind];
    this.#subscriber.unbind(exchange, name, values);
    this.#counts.delete(kind, name);
  }

  close(): void {
    for (const kind of ['channel', 'pattern', 'shard'] as const) {
      for (const name of this.#names[kind]) this.#counts.delete(kind, name);
      this.#names[kind].clear();
    }
    this.#subscriber.close();
  }
}

/** The name as text. Throws `CommandError` if there can be no such subscription. */
export function readSubscription(kind: SubscriptionKind, name: Buffer): string {
  return readName(KINDS[kind].what, name);
}

/**
 * What the broker keeps of one client, beyond its connection if it asks for that.
 *
 *                   CONNECT                      connection over, expiry 0
 *   (none) ──────────────────────► connected ─────────────────────────────► ended
 *                                    │    ▲                                    ▲
 *              connection over, > 0  ▼    │ CONNECT, no clean start            │ expiry passes, or clean start
 *                                   away ──────────────────────────────────────┘
 *
 * A session that began with an expiry above 0 is *stored*: subscriptions at QoS 1 and 2 are durable bindings of a queue of its own
 * (`stored-delivery.ts`), and what they are is in documents (`session-document.ts`). All other subscriptions are live
 * bindings, there only while the client is connected. What a session has is made when it is needed: most clients have one
 * subscription and nothing else.
 */
import type { Subscriber } from '../../core/exchange/subscribers.ts';
import type { MqttConnection } from './connection.ts';
import { FilterSet } from './filter-set.ts';
import { LiveWindow } from './live-window.ts';
import type { Outbound } from './outbound.ts';
import type { OutgoingMessage } from './outgoing.ts';
import type { MqttServer } from './server.ts';
import type { ShareMember } from './share-member.ts';
import { StoredDelivery } from './stored-delivery.ts';
import { type Effect, effectOf, type Subscription } from './subscription.ts';

/** How a connection ended: the client said so, it did not, another took its place, or the broker stops. */
export type EndOfConnection = 'normal' | 'lost' | 'takenOver' | 'shutdown';

const IDLE: Promise<void> = Promise.resolve();

/** For messages that are in the queue although no filter wants them: it was one that is gone. */
const ANY_EFFECT: Effect = {
  qos: 2,
  retainAsPublished: false,
  subscriptionIds: Buffer.alloc(0),
};

export class MqttSession {
  readonly server: MqttServer;
  readonly clientId: string;
  readonly stored: boolean;
  /** How long it lasts without a connection; infinite: for ever. */
  expiryS: number;
  connection: MqttConnection | undefined;
  /** When the last connection ended, ms since the epoch; 0: there is one. */
  endedMs = 0;
  /** It is over: nobody comes back to it. Resolves when nothing of it is left. */
  ending: Promise<void> | undefined;
  /** Its timer among those of all sessions, and what that knows it by; 0: there is none. */
  timer = 0;
  timerKey = 0;
  /** By the filter as the client wrote it. */
  readonly subscriptions: Map<string, Subscription> = new Map();
  /** Subscribing or unsubscribing that has not come to its end; nobody else takes up or ends the session before. */
  working: Promise<unknown> = IDLE;
  /** Packet ids of messages of QoS 2 that the client has not released. */
  received: Set<number> | undefined;
  /** Its part in shared subscriptions, by their filters. */
  members: Map<string, ShareMember> | undefined;
  #subscriber: Subscriber | undefined;
  #live: LiveWindow | undefined;
  readonly #delivery: StoredDelivery | undefined;
  /** Filters by which the queue is bound now. */
  #bound: FilterSet<true> | undefined;
  /** Filters that messages in the queue have come by. */
  #stored: FilterSet<Subscription> | undefined;
  #shared: FilterSet<Subscription> | undefined;

  constructor(server: MqttServer, clientId: string, options: { stored: boolean; expiryS: number }) {
    this.server = server;
    this.clientId = clientId;
    this.stored = options.stored;
    this.expiryS = options.expiryS;
    this.#delivery = options.stored ? new StoredDelivery(this) : undefined;
  }

  /** The sending side of messages that the client answers. */
  get outbound(): Outbound {
    return this.#delivery ?? this.live;
  }

  /** Only of a stored session. */
  get delivery(): StoredDelivery {
    return this.#delivery!;
  }

  /** Only of a session that is not stored, and while there is a connection. */
  get live(): LiveWindow {
    this.#live ??= new LiveWindow(this.connection!);
    return this.#live;
  }

  /** Live bindings; there while the client is connected. */
  get subscriber(): Subscriber {
    this.#subscriber ??= this.server.broker.exchanges.subscribe('', this.server.receiver, this);
    return this.#subscriber;
  }

  /** The client is connected, and has been told so. */
  attach(): void {
    for (const subscription of this.subscriptions.values()) {
      if (this.isLive(subscription)) this.bindLive(subscription);
    }
    this.#delivery?.attach();
    if (this.members === undefined) return;
    for (const member of this.members.values()) member.start();
  }

  /** The connection is over. */
  detach(connection: MqttConnection, end: EndOfConnection): void {
    if (this.connection !== connection) return;
    if (this.members !== undefined) for (const member of this.members.values()) member.stop();
    this.#delivery?.detach();
    this.#live?.detach();
    this.#live = undefined;
    this.connection = undefined;
    this.#subscriber?.close();
    this.#subscriber = undefined;
    this.server.sessions.connectionEnded(this, end);
  }

  endOfBurst(): void {
    this.#delivery?.endOfBurst();
    this.#resumeMembers();
  }

  outputDrained(): void {
    this.#delivery?.outputDrained();
    this.#resumeMembers();
  }

  /** Whether messages of the subscription are handed over while the client is there, and not stored. */
  isLive(subscription: Subscription): boolean {
    return subscription.share === undefined && !(this.stored && subscription.qos > 0);
  }

  bindLive(subscription: Subscription): void {
    if (this.connection === undefined) return;
    this.subscriber.bind(subscription.exchange, subscription.key, subscription);
  }

  unbindLive(subscription: Subscription): void {
    this.#subscriber?.unbind(subscription.exchange, subscription.key);
  }

  /** Takes the subscription into what is known; bindings are made apart. Returns what it replaces. */
  add(subscription: Subscription): Subscription | undefined {
    const before = this.subscriptions.get(subscription.filter);
    if (before !== undefined) this.remove(before);
    this.subscriptions.set(subscription.filter, subscription);
    if (!this.stored || subscription.qos === 0) return before;
    const { share, filter } = subscription;
    if (share === undefined) {
      this.#stored ??= new FilterSet();
      this.#stored.set(filter, subscription);
      if (subscription.noLocal) this.server.sessions.noLocalCount += 1;
    } else {
      this.#shared ??= new FilterSet();
      this.#shared.set(share.slice(share.indexOf('/') + 1), subscription);
    }
    return before;
  }

  remove(subscription: Subscription): void {
    this.subscriptions.delete(subscription.filter);
    if (!this.stored || subscription.qos === 0) return;
    const { share, filter } = subscription;
    if (share === undefined) {
      this.#stored?.delete(filter);
      if (subscription.noLocal) this.server.sessions.noLocalCount -= 1;
    } else this.#shared?.delete(share.slice(share.indexOf('/') + 1));
  }

  /** The queue gets what the filter wants. */
  noteBound(filter: string): void {
    this.#bound ??= new FilterSet();
    this.#bound.set(filter, true);
  }

  noteUnbound(filter: string): void {
    this.#bound?.delete(filter);
  }

  /**
   * Whether messages with that topic come by the queue already. Looks at what is bound and not at what the client has subscribed to:
   * while the one becomes the other, no message may be lost [MQTT-3.8.4-4].
   */
  storesTopic(topic: string): boolean {
    return this.#bound !== undefined && this.#bound.matching(topic).length > 0;
  }

  /** How a message of the queue goes out; undefined: not at all. */
  storedEffect(message: OutgoingMessage): Effect | undefined {
    const stored = this.#stored?.matching(message.topic) ?? NONE;
    const matching = stored.length > 0 ? stored : (this.#shared?.matching(message.topic) ?? NONE);
    if (matching.length === 0) return ANY_EFFECT;
    return effectOf(matching, this.#isOwn(message, matching));
  }

  #isOwn(message: OutgoingMessage, matching: readonly Subscription[]): boolean {
    if (!matching.some(({ noLocal }) => noLocal)) return false;
    return message.isPublishedBy(Buffer.from(this.clientId));
  }

  #resumeMembers(): void {
    if (this.members === undefined) return;
    for (const member of this.members.values()) member.resume();
  }
}

const NONE: readonly Subscription[] = [];

/**
 * Hands messages to the subscribers that are connected. What follows from a client's filters is worked out once per route and kept
 * with it; so a message of QoS 0 for a thousand clients is one frame and a thousand ranges of it.
 */
import type { Receiver, SubscriberTarget } from '../../core/exchange/subscribers.ts';
import type { MessageDraft } from '../../core/message/message-draft.ts';
import type { MqttConnection } from './connection.ts';
import type { OutgoingMessage, Sending } from './outgoing.ts';
import type { MqttServer } from './server.ts';
import type { MqttSession } from './session.ts';
import { type Effect, effectOf, lowerQos, type Subscription } from './subscription.ts';

/** What a message on this route is to the client; undefined: nothing. */
interface Note {
  /** If another client has published it, and if it has done so itself. */
  readonly other: Effect | undefined;
  readonly own: Effect | undefined;
}

const NOTHING: Note = { other: undefined, own: undefined };
const NO_IDS: Buffer = Buffer.alloc(0);

export class LiveReceiver implements Receiver {
  readonly #server: MqttServer;
  readonly #sending: Sending = {
    qos: 0,
    retain: false,
    dup: false,
    packetId: 0,
    subscriptionIds: NO_IDS,
  };

  constructor(server: MqttServer) {
    this.#server = server;
  }

  receive(draft: MessageDraft, targets: readonly SubscriberTarget[]): number {
    const { outgoing, publishing, delivered } = this.#server;
    const isOwn = draft === publishing.draft;
    if (!outgoing.pointAtDraft(draft, isOwn ? publishing.topic : undefined)) return 0;
    const publisher = isOwn ? publishing.publisher : undefined;
    let count = 0;
    for (let index = 0; index < targets.length; index++) {
      const target = targets[index]!;
      const session = target.owner as MqttSession;
      const note = (target.note as Note | undefined) ?? this.#note(target, outgoing.topic);
      const effect = session === publisher ? note.own : note.other;
      if (effect !== undefined && this.#send(outgoing, session, effect)) count += 1;
    }
    delivered.value += count;
    outgoing.clear();
    return count;
  }

  #note(target: SubscriberTarget, topic: string): Note {
    const session = target.owner as MqttSession;
    const subscriptions = target.tags as readonly Subscription[];
    const note = session.storesTopic(topic)
      ? NOTHING
      : { other: effectOf(subscriptions, false), own: effectOf(subscriptions, true) };
    target.note = note;
    return note;
  }

  #send(message: OutgoingMessage, session: MqttSession, effect: Effect): boolean {
    const connection = session.connection;
    if (connection === undefined || connection.closed) return false;
    const retain = effect.retainAsPublished && message.retain;
    if (message.qos === 0 || effect.qos === 0) {
      if (!this.#hasRoom(connection)) return false;
      if (connection.aliasesOut === undefined && effect.subscriptionIds.length === 0) {
        return message.sendShared(connection, 0, retain);
      }
    }
    const sending = this.#sending;
    sending.qos = lowerQos(message.qos, effect.qos);
    sending.retain = retain;
    sending.subscriptionIds = effect.subscriptionIds;
    sending.packetId = 0;
    if (sending.qos === 0) return message.send(connection, sending);
    return session.live.offer(message, sending);
  }

  /** A client that does not read loses messages of QoS 0 first. */
  #hasRoom(connection: MqttConnection): boolean {
    if (connection.output.bytes <= this.#server.qos0BytesMax) return true;
    this.#server.dropped.value += 1;
    return false;
  }
}

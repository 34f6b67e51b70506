/**
 * One client's part in a shared subscription: a consumer of its queue while the client is connected and has room.
 *
 * A session that ends with its connection answers for the lease itself (`live-window.ts`). For a stored session a message of
 * QoS 1 or 2 moves into the queue of its own, in one batch with its end here: from then on it is this client's,
 * whatever happens [MQTT-4.8.2-4].
 */
import { fillDraft } from '../../core/exchange/replayed-draft.ts';
import type { MessageView } from '../../core/message/message-bytes.ts';
import { MessageDraft } from '../../core/message/message-draft.ts';
import type { Queue, QueueConsumer } from '../../core/queue/queue.ts';
import { ROW_FLAG } from '../../core/queue/rows.ts';
import type { Sending } from './outgoing.ts';
import type { MqttSession } from './session.ts';
import type { Share } from './shares.ts';
import { effectOf, lowerQos, type Subscription } from './subscription.ts';

/** What is moved from queue to queue; one serves all. */
const draft = new MessageDraft();

export class ShareMember implements QueueConsumer {
  readonly noAck = false;
  readonly share: Share;
  readonly session: MqttSession;
  subscription: Subscription;
  /** Of the queues that it consumes. */
  readonly #queues = new Set<Queue>();

  constructor(share: Share, session: MqttSession, subscription: Subscription) {
    this.share = share;
    this.session = session;
    this.subscription = subscription;
  }

  /** Takes part, if its client is connected. */
  start(): void {
    if (this.session.connection === undefined) return;
    for (const queue of this.share.queues) {
      if (this.#queues.has(queue)) continue;
      this.#queues.add(queue);
      queue.addConsumer(this);
    }
  }

  stop(): void {
    for (const queue of this.#queues) queue.removeConsumer(this);
    this.#queues.clear();
  }

  /** It may have room again. */
  resume(): void {
    for (const queue of this.#queues) queue.resume(this);
  }

  ready(): boolean {
    const { connection, stored } = this.session;
    if (connection === undefined || !connection.takesMore) return false;
    if (!stored) return this.session.live.hasRoom;
    const { unanswered, queue } = this.session.delivery;
    // Messages move into it; until it is there, each would come back at once, again and again.
    if (queue === undefined && this.subscription.qos > 0) return false;
    return unanswered + (queue?.readyCount ?? 0) < connection.window;
  }

  deliver(queue: Queue, row: number, view: MessageView): void {
    const { server, stored } = this.session;
    const message = server.outgoing;
    const effect = effectOf([this.subscription], false);
    if (effect === undefined || !message.pointAtView(view, this.#expiryS(row))) {
      queue.ack(row);
      return;
    }
    const sending: Sending = {
      qos: lowerQos(message.qos, effect.qos),
      retain: effect.retainAsPublished && message.retain,
      dup: false,
      packetId: 0,
      subscriptionIds: effect.subscriptionIds,
    };
    if (sending.qos === 0) {
      if (message.send(this.session.connection!, sending)) server.delivered.value += 1;
      queue.ack(row);
    } else if (stored) this.#move(queue, row);
    else if (this.session.live.offer(message, sending, { queue, row })) {
      server.delivered.value += 1;
    } else queue.ack(row);
  }

  onCancelled(): void {
    for (const queue of this.#queues) if (queue.deleted) this.#queues.delete(queue);
  }

  #move(queue: Queue, row: number): void {
    const { queues } = this.session.server.broker;
    const own = this.session.delivery.queue;
    const { store } = queues;
    store.together();
    if (own === undefined || !store.locate(row)) {
      queue.requeue(row, { untouched: true });
      return;
    }
    const expiryS = this.#expiryS(row);
    fillDraft(draft, store.view);
    draft.ttlMs = expiryS < 0 ? -1 : expiryS * 1000;
    queues.publish(draft, [own]);
    queue.ack(row);
    draft.clear();
  }

  #expiryS(row: number): number {
    const { server } = this.session;
    const { rows } = server.broker.queues.store;
    const page = rows.page(row);
    const index = rows.index(row);
    const expiresMs = page.expiresMs[index]!;
    if (expiresMs === 0 || (page.flags[index]! & ROW_FLAG.queueTtl) !== 0) return -1;
    return Math.max(1, Math.ceil((expiresMs - server.nowMs) / 1000));
  }
}

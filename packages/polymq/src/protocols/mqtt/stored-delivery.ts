/**
 * What goes to a client whose session outlives its connections, at QoS 1 and 2: the messages of a durable queue, in its order.
 *
 *   queue ──► QoS 0 ──────────────► sent, done with
 *         ──► QoS 1 ──────────────► sent ─── PUBACK ──► done with
 *         ──► QoS 2 ─ committed? ─► sent ─── PUBREC ──► done with, and marked, in one batch ─ committed ─► PUBREL ── PUBCOMP ──► mark gone
 *                        └ no: it and all behind it wait
 *
 * The packet id follows from the message's place in the queue, which is in the journal. So whatever the broker forgets in a crash,
 * the same message comes again with the same id, and a client that has it says so. A message whose id is still in use waits
 * as well. When the connection ends, what is unanswered goes back to its place, and comes with DUP set the next time.
 */
import type { MessageView } from '../../core/message/message-bytes.ts';
import type { MessageStore } from '../../core/queue/message-store.ts';
import type { Queue, QueueConsumer } from '../../core/queue/queue.ts';
import { NO_ROW, ROW_FLAG } from '../../core/queue/rows.ts';
import { PUBREL, REASON } from './codec/index.ts';
import { AWAITS, Inflight, packetIdOf } from './inflight.ts';
import { sentMark } from './marks.ts';
import type { Outbound } from './outbound.ts';
import type { OutgoingMessage, Sending } from './outgoing.ts';
import type { MqttServer } from './server.ts';
import type { MqttSession } from './session.ts';
import { lowerQos } from './subscription.ts';

export class StoredDelivery implements QueueConsumer, Outbound {
  readonly noAck = false;
  queue: Queue | undefined;
  /** The queue is being declared. */
  opening: Promise<Queue> | undefined;
  readonly #session: MqttSession;
  readonly #server: MqttServer;
  readonly #store: MessageStore;
  readonly #inflight: Inflight = new Inflight();
  /** The message that must wait, and everything behind it. */
  #stalled: number = NO_ROW;
  #stalledRedelivered = false;
  #loading = false;
  #consuming = false;
  /** Somebody has answered since the end of the last burst. */
  #freed = false;
  readonly #sending: Sending = newSending();

  constructor(session: MqttSession) {
    this.#session = session;
    this.#server = session.server;
    this.#store = session.server.broker.queues.store;
  }

  /** Messages that the client has not answered. */
  get unanswered(): number {
    return this.#inflight.size;
  }

  /** Packet ids that the client is to release; of before a restart. */
  restore(packetIds: readonly number[]): void {
    for (const packetId of packetIds) this.#inflight.set(packetId, AWAITS.pubcomp, 0);
  }

  /** The client is connected: what was left open is taken up again. */
  attach(): void {
    const connection = this.#session.connection!;
    this.#inflight.forEach((packetId, _awaits, position) => {
      connection.answer(PUBREL, packetId, REASON.success, position);
    });
    this.consume();
  }

  /** Messages may come, if there is a queue. */
  consume(): void {
    if (this.#consuming || this.queue === undefined || this.#session.connection === undefined) {
      return;
    }
    this.#consuming = true;
    this.queue.addConsumer(this);
  }

  detach(): void {
    const { queue } = this;
    if (this.#consuming) queue?.removeConsumer(this);
    this.#consuming = false;
    const rows: number[] = [];
    this.#inflight.forEach((packetId, awaits, row) => {
      if (awaits === AWAITS.pubcomp) return;
      rows.push(row);
      this.#inflight.delete(packetId);
    });
    const stalled = this.#takeStalled();
    if (queue === undefined || queue.deleted) return;
    if (stalled !== NO_ROW) queue.requeue(stalled, { untouched: true });
    if (rows.length > 0) queue.requeueAll(rows);
  }

  /** The marks of the session go with it. */
  forget(): void {
    const { clientId } = this.#session;
    this.#inflight.forEach((packetId) => {
      this.#store.setMark(sentMark(clientId, packetId), undefined);
      this.#inflight.delete(packetId);
    });
  }

  ready(): boolean {
    const { connection } = this.#session;
    return (
      connection !== undefined &&
      this.#stalled === NO_ROW &&
      this.#inflight.size < connection.window &&
      connection.takesMore
    );
  }

  deliver(queue: Queue, row: number, view: MessageView, redelivered: boolean): void {
    if (!this.#transmit(queue, row, view, redelivered)) this.#stall(row, redelivered);
  }

  onCancelled(): void {
    this.#consuming = false;
    this.queue = undefined;
    this.#stalled = NO_ROW;
    this.#inflight.forEach((packetId, awaits) => {
      if (awaits !== AWAITS.pubcomp) this.#inflight.delete(packetId);
    });
  }

  puback(packetId: number): void {
    if (this.#inflight.awaits(packetId) !== AWAITS.puback) return;
    this.queue?.ack(this.#inflight.row(packetId));
    this.#over(packetId);
  }

  pubrec(packetId: number, failed: boolean): void {
    const { connection, clientId } = this.#session;
    const awaits = this.#inflight.awaits(packetId);
    if (awaits === AWAITS.pubrec) {
      this.#store.together();
      this.queue?.ack(this.#inflight.row(packetId));
      if (failed) {
        this.#over(packetId);
        return;
      }
      this.#store.setMark(sentMark(clientId, packetId), 1);
      this.#inflight.set(packetId, AWAITS.pubcomp, this.#store.position);
    } else if (failed) return;
    const known = this.#inflight.awaits(packetId) === AWAITS.pubcomp;
    const reason = known ? REASON.success : REASON.packetIdNotFound;
    connection?.answer(PUBREL, packetId, reason, known ? this.#inflight.row(packetId) : 0);
  }

  pubcomp(packetId: number): void {
    if (this.#inflight.awaits(packetId) !== AWAITS.pubcomp) return;
    this.#store.setMark(sentMark(this.#session.clientId, packetId), undefined);
    this.#over(packetId);
  }

  endOfBurst(): void {
    if (!this.#freed) return;
    this.#freed = false;
    this.#proceed();
  }

  outputDrained(): void {
    this.#proceed();
  }

  /** The journal has come further. */
  committed(): void {
    this.#proceed();
  }

  #over(packetId: number): void {
    this.#inflight.delete(packetId);
    this.#freed = true;
  }

  /** Sends what had to wait, if it may go now, and then asks for more. */
  #proceed(): void {
    if (!this.#consuming || this.#loading) return;
    const queue = this.queue!;
    const row = this.#stalled;
    if (row !== NO_ROW) {
      if (!this.#store.locate(row)) {
        this.#load(row);
        return;
      }
      if (!this.#transmit(queue, row, this.#store.view, this.#stalledRedelivered)) {
        this.#await(row);
        return;
      }
      this.#stalled = NO_ROW;
    }
    queue.resume(this);
  }

  #stall(row: number, redelivered: boolean): void {
    this.#stalled = row;
    this.#stalledRedelivered = redelivered;
    this.#await(row);
  }

  #await(row: number): void {
    if (this.#store.positionOf(row) > this.#store.committed) this.#server.awaitRow(this);
  }

  #takeStalled(): number {
    const row = this.#stalled;
    this.#stalled = NO_ROW;
    return row;
  }

  /** Brings the message that waits back into memory. */
  #load(row: number): void {
    this.#loading = true;
    this.#store
      .load(row)
      .catch((error: unknown) => {
        this.#server.logger.error({ error }, 'a message of a stored session cannot be read');
      })
      .finally(() => {
        this.#loading = false;
        if (this.#stalled === row && this.#store.locate(row)) this.#proceed();
      });
  }

  /** False: the message must wait. */
  #transmit(queue: Queue, row: number, view: MessageView, redelivered: boolean): boolean {
    const session = this.#session;
    const connection = session.connection!;
    const message = this.#server.outgoing;
    if (!message.pointAtView(view, this.#expiryS(row))) {
      queue.ack(row);
      return true;
    }
    const effect = session.storedEffect(message);
    if (effect === undefined) {
      queue.ack(row);
      return true;
    }
    const sending = this.#sending;
    sending.qos = lowerQos(message.qos, effect.qos);
    sending.retain = message.sentAsRetained || (effect.retainAsPublished && message.retain);
    sending.subscriptionIds = effect.subscriptionIds;
    sending.packetId = 0;
    sending.dup = false;
    if (sending.qos === 0) {
      if (message.send(connection, sending)) this.#server.delivered.value += 1;
      queue.ack(row);
      return true;
    }
    const packetId = packetIdOf(queue.seq(row));
    if (this.#inflight.has(packetId)) return false;
    if (sending.qos === 2 && this.#store.positionOf(row) > this.#store.committed) return false;
    sending.packetId = packetId;
    sending.dup = redelivered;
    this.#send(message, queue, row);
    return true;
  }

  #send(message: OutgoingMessage, queue: Queue, row: number): void {
    const sending = this.#sending;
    // A packet that is larger than the client takes counts as sent and answered [MQTT-3.1.2-25].
    if (!message.send(this.#session.connection!, sending)) {
      queue.ack(row);
      return;
    }
    this.#server.delivered.value += 1;
    const awaits = sending.qos === 1 ? AWAITS.puback : AWAITS.pubrec;
    this.#inflight.set(sending.packetId, awaits, row);
  }

  /** What is left of the time that the publisher gave the message; -1 if it gave none. */
  #expiryS(row: number): number {
    const { rows } = this.#store;
    const page = rows.page(row);
    const index = rows.index(row);
    const expiresMs = page.expiresMs[index]!;
    if (expiresMs === 0 || (page.flags[index]! & ROW_FLAG.queueTtl) !== 0) return -1;
    return Math.max(1, Math.ceil((expiresMs - this.#server.nowMs) / 1000));
  }
}

const NO_IDS: Buffer = Buffer.alloc(0);

function newSending(): Sending {
  return { qos: 0, retain: false, dup: false, packetId: 0, subscriptionIds: NO_IDS };
}

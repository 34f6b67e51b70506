/**
 * What goes to a client whose session ends with its connection, at QoS 1 and 2. Messages leave at once while the client's
 * window has room, and wait in the backlog while it has not; nothing is kept for sending it again, since there is no again.
 *
 *   offer ──► window full? ──no──► packet id, output ──► PUBACK / PUBREC, PUBCOMP ──► room: the backlog's next
 *                  └──yes──► backlog ──► too much: the connection ends
 *
 * The packet id is that of all other clients if it is free here, since the packet is the same for all then.
 *
 * Messages of shared subscriptions are leases of a queue: they are done with when the client has answered, and go to another
 * member if it does not, unless they were sent at QoS 2, which none other may get [MQTT-4.8.2-5].
 */
import type { Queue } from '../../core/queue/queue.ts';
import { Backlog } from './backlog.ts';
import { PUBREL, REASON } from './codec/index.ts';
import type { MqttConnection } from './connection.ts';
import { AWAITS } from './inflight.ts';
import { LiveInflight } from './live-inflight.ts';
import type { Outbound } from './outbound.ts';
import type { OutgoingMessage, Sending } from './outgoing.ts';

/** A message of a shared subscription that the client has not answered. */
interface Lease {
  readonly queue: Queue;
  readonly row: number;
}

export class LiveWindow implements Outbound {
  readonly #connection: MqttConnection;
  readonly #inflight: LiveInflight = new LiveInflight();
  #backlog: Backlog | undefined;
  #leases: Map<number, Lease> | undefined;

  constructor(connection: MqttConnection) {
    this.#connection = connection;
  }

  /** Whether a shared subscription may give it one more. */
  get hasRoom(): boolean {
    const { window, output } = this.#connection;
    return this.#inflight.size < window && !this.#backlog?.length && !output.full;
  }

  /** Sends the message now or later. Whether the client gets it. */
  offer(message: OutgoingMessage, sending: Sending, lease?: Lease): boolean {
    const connection = this.#connection;
    const { server } = connection;
    const waitingBytes = connection.output.bytes + (this.#backlog?.bytes ?? 0);
    if (waitingBytes > server.options.outputBytesMax) {
      server.overflowed(connection);
      return false;
    }
    if (this.#backlog?.length || this.#inflight.size >= connection.window) {
      const frame = message.backlogFrame(connection, sending, server.nowMs);
      if (frame === undefined) return false;
      this.#backlog ??= new Backlog();
      this.#backlog.push(frame);
      return true;
    }
    const packetId = this.#send(message, sending);
    if (packetId === 0) return false;
    if (lease !== undefined) {
      this.#leases ??= new Map();
      this.#leases.set(packetId, lease);
    }
    return true;
  }

  /** Returns the packet id under which it went; 0: it did not. */
  #send(message: OutgoingMessage, sending: Sending): number {
    const connection = this.#connection;
    const { qos, retain, subscriptionIds } = sending;
    const awaits = qos === 1 ? AWAITS.puback : AWAITS.pubrec;
    const own = subscriptionIds.length > 0 || connection.aliasesOut !== undefined;
    let packetId = message.sharedId;
    let sent: boolean;
    if (!own && this.#inflight.take(packetId, awaits)) {
      sent = message.sendShared(connection, qos, retain);
    } else {
      packetId = this.#inflight.takeAny(awaits);
      sending.packetId = packetId;
      sent = message.send(connection, sending);
    }
    if (sent) return packetId;
    this.#inflight.free(packetId);
    return 0;
  }

  puback(packetId: number): void {
    if (this.#inflight.awaits(packetId) !== AWAITS.puback) return;
    this.#settle(packetId);
    this.#over(packetId);
  }

  pubrec(packetId: number, failed: boolean): void {
    const awaits = this.#inflight.awaits(packetId);
    if (awaits === AWAITS.pubrec) {
      // The client has the message, or does not want it: in either case it is nobody else's.
      this.#settle(packetId);
      if (failed) {
        this.#over(packetId);
        return;
      }
      this.#inflight.change(packetId, AWAITS.pubcomp);
    } else if (failed) return;
    const known = awaits === AWAITS.pubrec || awaits === AWAITS.pubcomp;
    const reason = known ? REASON.success : REASON.packetIdNotFound;
    this.#connection.answer(PUBREL, packetId, reason, 0);
  }

  pubcomp(packetId: number): void {
    if (this.#inflight.awaits(packetId) === AWAITS.pubcomp) this.#over(packetId);
  }

  endOfBurst(): void {}

  outputDrained(): void {}

  /** The connection is over, and so is the session. */
  detach(): void {
    if (this.#leases === undefined) return;
    for (const [packetId, { queue, row }] of this.#leases) {
      if (this.#inflight.awaits(packetId) === AWAITS.puback) queue.requeue(row);
      else queue.ack(row);
    }
    this.#leases = undefined;
  }

  #settle(packetId: number): void {
    const lease = this.#leases?.get(packetId);
    if (lease === undefined) return;
    this.#leases!.delete(packetId);
    lease.queue.ack(lease.row);
  }

  /** The packet id is free: the next may go. */
  #over(packetId: number): void {
    this.#inflight.free(packetId);
    const connection = this.#connection;
    while (this.#backlog?.length && this.#inflight.size < connection.window) {
      const next = this.#backlog.take(connection.server.nowMs);
      if (next === undefined) return;
      const id = this.#inflight.takeAny(next.qos === 1 ? AWAITS.puback : AWAITS.pubrec);
      next.frame.writeUInt16BE(id, next.packetIdAt);
      connection.output.frame(next.frame);
    }
  }
}

/**
 * A message of a queue that is leased to a client in this process. It names its row in the queue, and lives until it is settled or the
 * lease is lost. Its shape is the same for all, and nothing in it is made that nobody may read: a busy queue makes hundreds of thousands a second.
 */
import type { Delivery } from '@polymq/client/driver';
import type { TextProperties } from '../../core/message/text-properties.ts';
import type { Queue } from '../../core/queue/queue.ts';

/** Who handed it out, and is told when the message is settled. */
export interface DeliveryOwner {
  settled(delivery: EmbeddedDelivery): void;
}

/** What all of one subscription have in common. */
export interface LeaseTerms {
  readonly queue: Queue;
  readonly leaseMs: number;
  readonly owner: DeliveryOwner | undefined;
}

/** Whether the attempt was counted when the message was handed out; if not, whether it has to be counted before work on it begins. */
export type Begun = 'begun' | 'may-begin' | 'must-begin';

/** A message that is leased to this process: a row of the core, and which handing out of it. */
export class EmbeddedDelivery implements Delivery {
  readonly id: string;
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly type: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly key: string | undefined;
  readonly timestampMs: number;
  readonly correlationId: string | undefined;
  readonly replyTo: string | undefined;
  readonly priority: number | undefined;
  readonly redeliveries: number;
  readonly leaseMs: number;
  /** Interceptors may hand on a copy; this is always the one that was handed out. */
  readonly handle: this;
  readonly queue: Queue;
  readonly row: number;
  readonly seq: number;
  /** What the core has counted, which changes when it is somebody else's. */
  attempt: number;
  begun: Begun;
  readonly owner: DeliveryOwner | undefined;
  /** By the clock of the driver. */
  leaseEndMs: number;
  open = true;
  /** Its place among those that are open, of `OpenDeliveries`. */
  slot = -1;

  constructor(
    fields: TextProperties,
    body: Uint8Array,
    lease: { terms: LeaseTerms; row: number; nowMs: number; begun: Begun },
  ) {
    const { row, nowMs, begun } = lease;
    const { queue, leaseMs, owner } = lease.terms;
    this.id = fields.id;
    this.body = body;
    this.contentType = fields.contentType;
    this.type = fields.type;
    this.headers = fields.headers;
    this.key = fields.key;
    this.timestampMs = fields.timestampMs;
    this.correlationId = fields.correlationId;
    this.replyTo = fields.replyTo;
    this.priority = fields.priority;
    this.queue = queue;
    this.row = row;
    this.seq = queue.seq(row);
    this.attempt = queue.attempts(row);
    this.begun = begun;
    // If it has begun, this time was counted, too.
    this.redeliveries = begun === 'begun' ? this.attempt - 1 : this.attempt;
    this.leaseMs = leaseMs;
    this.leaseEndMs = nowMs + leaseMs;
    this.owner = owner;
    this.handle = this;
  }

  /** Whether the message is with this process still, by this handing out. */
  get held(): boolean {
    const { queue, row, seq, attempt } = this;
    return this.open && queue.holds(row, seq) && queue.attempts(row) === attempt;
  }

  /** Counts the attempt, whose end may be that of the process. */
  begin(): void {
    this.queue.begin(this.row);
    this.attempt = this.queue.attempts(this.row);
    this.begun = 'begun';
  }

  /** It is answered, or somebody else's. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    this.owner?.settled(this);
  }
}

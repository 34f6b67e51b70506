import { WireFacts } from '../../message/wire-facts.ts';
import type { Delivery, WireMessage } from '../../message/wire-message.ts';
import { decodeMessage, type ReceivedMessage } from './message-format.ts';
import type { QueuePlace } from './places.ts';

/** Who wants to know what becomes of a delivery. */
export interface DeliveryOwner {
  /** Deleted. */
  done(delivery: SqsDelivery): void;
  /** Given back. */
  returned(delivery: SqsDelivery): void;
  /** Those whose leases must last as long as this one's. */
  companions(delivery: SqsDelivery): readonly SqsDelivery[];
}

export interface DeliveryFacts {
  readonly place: QueuePlace;
  readonly leaseMs: number;
  readonly leaseEndMs: number;
  readonly owner: DeliveryOwner | undefined;
  /** How many of the receives that SQS has counted nobody has seen. */
  readonly unseen: number;
}

/** A message that was received, with its receipt handle. */
export class SqsDelivery extends WireFacts implements Delivery {
  readonly redeliveries: number;
  leaseMs: number;
  /** The receipt handle. */
  readonly handle: string;
  /** Of SQS. */
  readonly messageId: string;
  readonly place: QueuePlace;
  /** What it is ordered by, in FIFO queues. */
  readonly group: string | undefined;
  readonly owner: DeliveryOwner | undefined;
  /** When it belongs to somebody else, by the clock of this process. */
  leaseEndMs: number;

  constructor(received: ReceivedMessage, facts: DeliveryFacts) {
    const message: WireMessage = decodeMessage(received);
    // Other programs group their messages without our attribute.
    super(message, message.headers, message.key ?? foreignGroup(received, message.id));
    const receives = Number(received.Attributes?.['ApproximateReceiveCount'] ?? 1);
    this.redeliveries = Math.max(0, receives - 1 - facts.unseen);
    this.leaseMs = facts.leaseMs;
    this.handle = received.ReceiptHandle ?? '';
    this.messageId = received.MessageId ?? '';
    this.place = facts.place;
    this.group = facts.place.fifo ? received.Attributes?.['MessageGroupId'] : undefined;
    this.owner = facts.owner;
    this.leaseEndMs = facts.leaseEndMs;
  }
}

/** The group of a foreign message; a message of ours without a key has a group of its own, which is no key. */
function foreignGroup(received: ReceivedMessage, id: string): string | undefined {
  return id === received.MessageId ? received.Attributes?.['MessageGroupId'] : undefined;
}

import type { Delivery, WireMessage } from '../../message/wire-message.ts';
import { decodeMessage, type ReceivedMessage } from './message-format.ts';
import type { QueuePlace } from './places.ts';

/** Who wants to know when a delivery is settled. */
export interface DeliveryOwner {
  settled(delivery: SqsDelivery): void;
}

/** A message that was received, with its receipt handle. */
export class SqsDelivery implements Delivery {
  readonly id: string;
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly type: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly key: string | undefined;
  readonly timestampMs: number;
  readonly correlationId: string | undefined;
  readonly replyTo: string | undefined;
  readonly redeliveries: number;
  readonly leaseMs: number;
  /** The receipt handle. */
  readonly handle: string;
  readonly place: QueuePlace;
  readonly owner: DeliveryOwner | undefined;
  /** When it belongs to somebody else, by the clock of this process. */
  leaseEndMs: number;

  constructor(
    received: ReceivedMessage,
    place: QueuePlace,
    lease: { readonly leaseMs: number; readonly endMs: number },
    owner: DeliveryOwner | undefined,
  ) {
    const message: WireMessage = decodeMessage(received);
    this.id = message.id;
    this.body = message.body;
    this.contentType = message.contentType;
    this.type = message.type;
    this.headers = message.headers;
    // Other programs group their messages without our attribute.
    this.key = message.key ?? foreignGroup(received, message.id);
    this.timestampMs = message.timestampMs;
    this.correlationId = message.correlationId;
    this.replyTo = message.replyTo;
    this.redeliveries = Number(received.Attributes?.['ApproximateReceiveCount'] ?? 1) - 1;
    this.leaseMs = lease.leaseMs;
    this.handle = received.ReceiptHandle ?? '';
    this.place = place;
    this.owner = owner;
    this.leaseEndMs = lease.endMs;
  }
}

/** The group of a foreign message; a message of ours without a key has a group of its own, which is no key. */
function foreignGroup(received: ReceivedMessage, id: string): string | undefined {
  return id === received.MessageId ? received.Attributes?.['MessageGroupId'] : undefined;
}

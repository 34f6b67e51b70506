import { HEADER } from '../../message/headers.ts';
import type { Delivery, TopicRecord } from '../../message/wire-message.ts';
import type { Entry } from './lane.ts';
import type { QueueShare, Taker } from './queue-share.ts';

/** A message that is out at somebody. */
export interface Lease {
  readonly share: QueueShare;
  readonly entry: Entry;
  readonly taker: Taker;
  state: 'open' | 'settled' | 'lost';
  delivery: KafkaDelivery | undefined;
}

export class KafkaDelivery implements Delivery {
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
  readonly handle: Lease;

  constructor(record: TopicRecord, redeliveries: number, handle: Lease) {
    this.id = record.id;
    this.body = record.body;
    this.contentType = record.contentType;
    this.type = record.type;
    this.headers = withoutDue(record.headers);
    this.key = record.key;
    this.timestampMs = record.timestampMs;
    this.correlationId = record.correlationId;
    this.replyTo = record.replyTo;
    this.redeliveries = redeliveries;
    this.handle = handle;
  }
}

/** It has been waited for. */
function withoutDue(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  if (headers[HEADER.due] === undefined) return headers;
  const { [HEADER.due]: _, ...rest } = headers;
  return rest;
}

import { HEADER } from '../../message/headers.ts';
import { WireFacts } from '../../message/wire-facts.ts';
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

export class KafkaDelivery extends WireFacts implements Delivery {
  readonly redeliveries: number;
  readonly handle: Lease;

  constructor(record: TopicRecord, redeliveries: number, handle: Lease) {
    super(record, withoutDue(record.headers));
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

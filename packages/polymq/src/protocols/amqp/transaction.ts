/**
 * What a channel has published and acknowledged since `tx.select`, kept until `tx.commit`. It is applied in one turn of
 * the event loop, so it reaches the journal as one batch; the commit is answered when that is durable.
 */
import type { Route } from '../../core/exchange/exchanges.ts';
import { MessageDraft } from '../../core/message/message-draft.ts';
import type { Queue } from '../../core/queue/queue.ts';
import type { Channel, Consumer } from './channel.ts';
import { AmqpError } from './errors.ts';

/** Buffered bodies and properties of one transaction. */
const BYTES_MAX = 64 * 1024 * 1024;

interface Publish {
  draft: MessageDraft;
  route: Route | undefined;
  mandatory: boolean;
}

export type Settlement = 'ack' | 'requeue' | 'reject';

interface Settled {
  queue: Queue;
  row: number;
  how: Settlement;
  tag: number;
  owner: Consumer | undefined;
}

export class Transaction {
  #publishes: Publish[] = [];
  #settled: Settled[] = [];
  #bytes = 0;

  publish(draft: MessageDraft, route: Route | undefined, mandatory: boolean): void {
    this.#bytes += draft.bodyBytes + draft.propertiesBytes;
    if (this.#bytes > BYTES_MAX) {
      throw new AmqpError(
        'preconditionFailed',
        `a transaction holds more than ${BYTES_MAX} bytes; commit more often`,
      );
    }
    this.#publishes.push({ draft: copyOf(draft), route, mandatory });
  }

  settle(settled: Settled): void {
    this.#settled.push(settled);
  }

  commit(channel: Channel): void {
    const { server } = channel.session;
    for (const { draft, route, mandatory } of this.#publishes) {
      Object.assign(server.draft, draft);
      channel.publishing.submit(route, mandatory);
    }
    for (const { queue, row, how } of this.#settled) {
      settleRow(queue, row, how);
    }
    this.#clear();
  }

  /** Messages are forgotten; deliveries that were answered await an answer again. */
  rollback(channel: Channel): void {
    for (const { queue, row, tag, owner } of this.#settled) {
      channel.unacked.restore(tag, queue, row, owner);
      owner?.unanswered();
    }
    this.#clear();
  }

  /** The channel is over: everything goes back to its queue. */
  abandon(): void {
    for (const { queue, row } of this.#settled) {
      queue.requeue(row);
    }
    this.#clear();
  }

  #clear(): void {
    this.#publishes = [];
    this.#settled = [];
    this.#bytes = 0;
  }
}

export function settleRow(queue: Queue, row: number, how: Settlement): void {
  if (how === 'ack') queue.ack(row);
  else if (how === 'requeue') queue.requeue(row);
  else queue.reject(row);
}

/** The draft's buffers are only lent. */
function copyOf(draft: MessageDraft): MessageDraft {
  const copy = new MessageDraft();
  Object.assign(copy, draft);
  copy.names = Buffer.from(draft.names.subarray(draft.namesStart, draft.namesEnd));
  copy.namesStart = 0;
  copy.namesEnd = copy.names.length;
  copy.content = Buffer.from(draft.content.subarray(draft.contentStart, draft.contentEnd));
  copy.contentStart = 0;
  copy.contentEnd = copy.content.length;
  return copy;
}

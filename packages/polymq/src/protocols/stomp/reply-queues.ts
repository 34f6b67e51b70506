import { StompError } from './codec/stomp-error.ts';
import { REPLY_QUEUE_PREFIX } from './destinations.ts';
import { declarePrivate } from './queue-declaration.ts';
import type { StompSession } from './session.ts';
import { QueueSubscription } from './subscription.ts';

/**
 * The private queues that `reply-to:/temp-queue/NAME` makes: each has a subscription whose id is what the client wrote, and an
 * address for others. They last as long as the connection.
 */
export class ReplyQueues {
  readonly #session: StompSession;
  readonly #addresses = new Map<string, string>();

  constructor(session: StompSession) {
    this.#session = session;
  }

  addressOf(name: string): string | undefined {
    return this.#addresses.get(name);
  }

  async open(name: string): Promise<void> {
    const session = this.#session;
    session.checkRoom();
    const id = `/temp-queue/${name}`;
    const tag = `T_${id}`;
    if (session.subscriptions.has(tag)) {
      throw new StompError('Duplicated subscription identifier', duplicateDetail(tag));
    }
    const queue = await declarePrivate(session);
    if (session.closed) return;
    this.#addresses.set(name, REPLY_QUEUE_PREFIX + queue.name);
    const subscription = new QueueSubscription(session, queue, {
      id,
      wireId: undefined,
      tag,
      destination: undefined,
      description: `id='${id}'`,
      ackMode: 'auto',
      prefetch: 0,
      firstNumber: 1,
    });
    queue.addConsumer(subscription);
    session.subscriptions.set(tag, subscription);
    subscription.begin();
  }
}

export function duplicateDetail(tag: string): string {
  return `A subscription identified by '${tag}' already exists.`;
}

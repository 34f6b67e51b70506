/**
 * Messages for one call of `receive`: those that are ready, or the first ones to come. To the queue, a call that waits is a
 * consumer in passing.
 */
import type { ReceiveRequest } from '@polymq/client/driver';
import type { MessageView } from '../../core/message/message-bytes.ts';
import type { Queue, QueueConsumer } from '../../core/queue/queue.ts';
import type { EmbeddedContext } from '../context.ts';
import { clientError } from '../errors.ts';
import { Deliveries } from './deliveries.ts';
import type { EmbeddedDelivery } from './embedded-delivery.ts';
import { giveBack, type Received } from './received.ts';

export class Reception {
  readonly #context: EmbeddedContext;
  readonly #queue: Queue;
  readonly #request: ReceiveRequest;
  readonly #deliveries: Deliveries;
  readonly #received: Received;

  constructor(context: EmbeddedContext, queue: Queue, request: ReceiveRequest, received: Received) {
    this.#context = context;
    this.#queue = queue;
    this.#request = request;
    this.#received = received;
    this.#deliveries = new Deliveries(context, { queue, leaseMs: request.leaseMs }, received);
  }

  /** `stopped`: ends the wait, too. */
  async run(stopped: AbortSignal): Promise<EmbeddedDelivery[]> {
    const { waitMs, signal } = this.#request;
    if (stopped.aborted || signal?.aborted === true) return [];
    const filling = this.#fill();
    if (filling !== undefined) await filling;
    if (this.#deliveries.count === 0 && waitMs > 0) await this.#wait(stopped);
    if (this.#deliveries.count === 0) return [];
    const { deliveries, position } = this.#deliveries.take();
    if (isAborted(stopped)) {
      giveBack(deliveries);
      return [];
    }
    this.#received.add(deliveries);
    const { store } = this.#context.core.queues;
    if (position > store.committed) {
      try {
        await this.#context.track(store.whenCommitted(position));
      } catch (error: unknown) {
        throw clientError(error, `receive from queue "${this.#queue.name}"`);
      }
    }
    return isAborted(stopped) ? [] : deliveries;
  }

  get #full(): boolean {
    return this.#deliveries.count >= this.#request.max;
  }

  /** Takes what is ready now. A promise only where a message has to be read from the disk. */
  #fill(): Promise<void> | undefined {
    const { store } = this.#context.core.queues;
    const nowMs = this.#context.clock.nowMs();
    while (!this.#full) {
      const row = this.#queue.take(this.#request.leaseMs, 'local');
      if (row === undefined) return undefined;
      if (typeof row !== 'number') return this.#fillAfter(row);
      this.#deliveries.add(row, store.view, nowMs);
    }
    return undefined;
  }

  async #fillAfter(taking: Promise<number | undefined>): Promise<void> {
    const row = await taking;
    if (row === undefined) return;
    const { store } = this.#context.core.queues;
    if (store.locate(row)) this.#deliveries.add(row, store.view, this.#context.clock.nowMs());
    // It has left memory again: its turn comes again.
    else this.#queue.requeue(row, { untouched: true });
    await this.#fill();
  }

  /** Until there is a message and the turn is over, or the time is, or nobody waits any more. */
  #wait(stopped: AbortSignal): Promise<void> {
    const queue = this.#queue;
    const { signal, waitMs, leaseMs } = this.#request;
    const { clock, environment } = this.#context;
    return new Promise((resolve) => {
      let ended = false;
      let ending = false;
      const end = (): void => {
        if (ended) return;
        ended = true;
        timer.cancel();
        signal?.removeEventListener('abort', end);
        stopped.removeEventListener('abort', end);
        if (!queue.deleted) queue.removeConsumer(consumer);
        resolve();
      };
      const consumer: QueueConsumer = {
        noAck: false,
        counted: 'local',
        passing: true,
        leaseMs,
        ready: () => !ended && !this.#full,
        deliver: (_queue: Queue, row: number, view: MessageView) => {
          this.#deliveries.add(row, view, clock.nowMs());
          if (!ending) environment.timers.immediate(end);
          ending = true;
        },
        onCancelled: end,
      };
      const timer = clock.after(waitMs, end);
      signal?.addEventListener('abort', end, { once: true });
      stopped.addEventListener('abort', end, { once: true });
      queue.addConsumer(consumer);
    });
  }
}

/** Not narrowed: it can become true while something is awaited. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

/**
 * Copies of everything published to a topic, one for each of several queues, so that each kind of work has its own workers, retries and
 * dead letters:
 *
 *   await fanout(mq, placed).to(payments, inventory, notifications)
 *   await placed.publish({ orderId: '123' })       // one message in each of the three
 */
import type { Client } from '../../client/client.ts';
import { contextOf } from '../../client/context-of.ts';
import { requireCapability } from '../../driver/require-capability.ts';
import type { Queue } from '../../queue/queue.ts';
import type { Topic } from '../../topic/topic.ts';

export interface Fanout<T = unknown> {
  /**
   * Resolves when all of them get what is published from now on. The binding is the engine's, and durable where topic and queue are; on Kafka,
   * which has none, processes that asked for it copy, and what is published while none runs waits in the topic. It is made once however often
   * it is asked for. Rejects with `not-found` and what declaring rejects with.
   */
  to(...queues: readonly FanoutQueue<T>[]): Promise<void>;
}

/** A queue of this client, or the name of one, which is then declared with the default options. */
export type FanoutQueue<T> = string | Queue<T>;

/** Throws `UnsupportedError` if the engine cannot bind queues to topics, or has them elsewhere than the topics. */
export function fanout<T = unknown>(mq: Client, topic: string | Topic<T>): Fanout<T> {
  requireCapability(mq.driver, 'fanout');
  const source = typeof topic === 'string' ? mq.topic<T>(topic) : topic;
  return {
    async to(...queues) {
      contextOf(mq).checkOpen();
      const targets = queues.map((queue) =>
        typeof queue === 'string' ? mq.queue<T>(queue) : queue,
      );
      await Promise.all([source.ready(), ...targets.map((queue) => queue.ready())]);
      const { topics } = mq.driver;
      await Promise.all(targets.map(({ name }) => topics?.bindQueue?.(source.name, name)));
    },
  };
}

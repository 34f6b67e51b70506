import { describe, expect, it } from 'vitest';
import type { DeliverySink } from '../../driver/driver.ts';
import type { Delivery } from '../../message/wire-message.ts';
import { AmqpSubscription } from './subscription.ts';
import { closeWhileComingBack, FakeConnection, linkOf, turn } from './testing/fake-amqp.ts';
import { Untouched } from './untouched.ts';

class Sink implements DeliverySink {
  readonly delivered: Delivery[] = [];
  readonly ends: unknown[] = [];

  deliver(deliveries: readonly Delivery[]): void {
    this.delivered.push(...deliveries);
  }

  /** Ids of what is worked on. */
  readonly begun = new Set<string>();

  lost(): void {}

  isUntouched({ id }: Delivery): boolean {
    return !this.begun.has(id);
  }

  ended(error: unknown): void {
    this.ends.push(error);
  }
}

function subscriptionOn(connection: FakeConnection, sink: DeliverySink): AmqpSubscription {
  const options = {
    queue: 'q',
    prefetch: 5,
    consumerLimit: false,
    untouched: new Untouched(),
    divert: () => false,
  };
  return new AmqpSubscription(linkOf(connection), options, sink);
}

describe('a consumer that comes back with the connection', () => {
  it.each([0, 1, 2, 3])(
    'leaves nothing behind when it is closed %s turns after that began',
    async (turns) => {
      const [connection, sink] = [new FakeConnection(), new Sink()];
      const subscription = subscriptionOn(connection, sink);
      await subscription.open();
      await closeWhileComingBack(subscription, connection, turns);
      await turn();
      expect(connection.consuming).toEqual([]);
      expect(sink.ends).toEqual([]);
    },
  );

  it('replaces its consumer for another limit only when it has one', async () => {
    const connection = new FakeConnection();
    const subscription = subscriptionOn(connection, new Sink());
    await subscription.open();
    await connection.lose();
    subscription.lost();
    const restored = subscription.restore(connection.asServer);
    await turn();
    subscription.setPrefetch(9);
    await restored;
    for (let left = 10; left > 0; left -= 1) await turn();
    expect(connection.consuming).toHaveLength(1);
    await subscription.close();
    expect(connection.consuming).toEqual([]);
  });

  it('counts no attempt for what it had and nobody had begun with', async () => {
    const [connection, sink] = [new FakeConnection(), new Sink()];
    const subscription = subscriptionOn(connection, sink);
    await subscription.open();
    const deliver = (redelivered: boolean, ...ids: string[]): void => {
      const [channel] = connection.consuming;
      for (const messageId of ids) channel!.push('q', { messageId, redelivered });
    };
    deliver(false, 'begun', 'waits');
    await turn();
    sink.begun.add('begun');
    deliver(false, 'on its way');
    subscription.lost();
    await connection.lose();
    await subscription.restore(connection.asServer);
    sink.delivered.length = 0;
    deliver(true, 'begun', 'waits', 'on its way', 'of somebody else');
    await turn();
    expect(sink.delivered.map(({ id, redeliveries }) => [id, redeliveries])).toEqual([
      ['begun', 1],
      ['waits', 0],
      ['on its way', 0],
      ['of somebody else', 1],
    ]);
    await subscription.close();
  });
});

import { describe, expect, it } from 'vitest';
import { DELAY_QUEUE_PREFIX } from './delay-queues.ts';
import type { FakeQueue } from './testing/fake-queues.ts';
import { draftOf, type ExchangeKit, factsOf, openExchangeKit, TEST_FORMAT } from './testing/kit.ts';

const HOUR_MS = 3_600_000;
const TO_EXCHANGE = { destinationKind: 'exchange' } as const;

async function open(): Promise<ExchangeKit> {
  const kit = await openExchangeKit();
  await kit.exchange('later', 'direct', { delayed: true });
  await kit.queues.declare('', 'q');
  await kit.bind('later', 'q', { routingKey: 'k' });
  return kit;
}

function waiting(kit: ExchangeKit): FakeQueue {
  return kit.queues.get('', `${DELAY_QUEUE_PREFIX}later`)!;
}

function pass(kit: ExchangeKit, byMs: number): void {
  kit.clock.now += byMs;
  waiting(kit).pump();
}

describe('delayed exchange', () => {
  it('routes at once what has no delay, or one that is over', async () => {
    const kit = await open();
    expect(kit.publish('later', 'k', 'now')).toBe(1);
    expect(kit.publish('later', 'k', 'past', { dueMs: kit.clock.now - 5 })).toBe(1);
    expect(kit.queues.get('', 'q')!.bodies).toEqual(['now', 'past']);
    expect(kit.route('later', 'k').cacheable).toBe(false);
  });

  it('keeps a message until it is due, and routes it by the bindings of then', async () => {
    const kit = await open();
    const dueMs = kit.clock.now + HOUR_MS;
    const route = kit.route('later', 'k', { dueMs });
    expect([route.delayed, route.cacheable, route.queues]).toEqual([true, false, [waiting(kit)]]);
    expect(kit.publish('later', 'k', 'then', { dueMs })).toBe(1);
    await kit.queues.declare('', 'r');
    await kit.bind('later', 'r', { routingKey: 'k' });
    await kit.unbind('later', 'q', { routingKey: 'k' });
    pass(kit, HOUR_MS - 1);
    expect(kit.queues.get('', 'r')!.bodies).toEqual([]);
    pass(kit, 1);
    expect(kit.queues.get('', 'r')!.bodies).toEqual(['then']);
    expect(kit.queues.get('', 'q')!.bodies).toEqual([]);
    expect([waiting(kit).leased, waiting(kit).messages]).toEqual([[], []]);
  });

  it('keeps the message as it was, with all its routing keys', async () => {
    const kit = await open();
    await kit.queues.declare('', 'r');
    await kit.bind('later', 'r', { routingKey: 'copy' });
    const draft = draftOf('later', 'k', 'body', { copies: ['copy'] });
    draft.dueMs = kit.clock.now + 10;
    draft.priority = 7;
    draft.ttlMs = 100;
    draft.persistent = true;
    draft.history = [
      { queue: 'd', reason: 'expired', count: 1, firstMs: 1, exchange: '', routingKeys: ['d'] },
    ];
    const before = Buffer.from(draft.content);
    kit.publisher.publish(draft, kit.route('later', 'k', { dueMs: draft.dueMs }));
    expect([draft.ttlMs, draft.dueMs]).toEqual([100, kit.clock.now + 10]);
    pass(kit, 10);
    for (const name of ['q', 'r']) {
      const [stored] = kit.queues.get('', name)!.messages;
      const view = stored!.view();
      expect([view.exchange, view.routingKey, view.body.toString()]).toEqual([
        'later',
        'k',
        'body',
      ]);
      expect([view.persistent, view.properties]).toEqual([true, before]);
      expect(JSON.parse(view.historyJson)).toEqual(draft.history);
      expect(stored!.draft).toMatchObject({ priority: 7, ttlMs: 100, dueMs: 0 });
    }
  });

  it('still has the message after a restart', async () => {
    const kit = await open();
    kit.publish('later', 'k', 'then', { dueMs: kit.clock.now + HOUR_MS });
    const again = await kit.restart();
    expect(again.queues.get('', 'q')!.bodies).toEqual([]);
    pass(again, HOUR_MS);
    expect(again.queues.get('', 'q')!.bodies).toEqual(['then']);
  });

  it('has its queue from its declaration to its deletion, out of reach of clients', async () => {
    const kit = await open();
    expect(waiting(kit).definition.durable).toBe(true);
    const name = waiting(kit).name;
    expect(kit.targets('', name)).toEqual([]);
    await expect(kit.bind('amq.direct', name)).rejects.toMatchObject({ code: 'unknown-queue' });
    await kit.exchanges.delete(kit.exchanges.get('', 'later')!);
    expect(kit.queues.get('', name)).toBeUndefined();
  });

  it('makes and removes at start what a crash has left undone', async () => {
    const kit = await open();
    await kit.queues.declare('', `${DELAY_QUEUE_PREFIX}never-declared`);
    await kit.queues.delete(waiting(kit));
    const again = await kit.restart();
    expect(again.queues.get('', `${DELAY_QUEUE_PREFIX}never-declared`)).toBeUndefined();
    again.publish('later', 'k', 'then', { dueMs: again.clock.now + 5 });
    pass(again, 5);
    expect(again.queues.get('', 'q')!.bodies).toEqual(['then']);
  });

  it('delays behind another exchange as well, while other destinations get the message', async () => {
    const kit = await open();
    await kit.exchange('first', 'fanout', { delayed: false });
    await kit.queues.declare('', 'direct');
    await kit.bind('first', 'direct');
    await kit.bind('first', 'later', TO_EXCHANGE);
    expect(kit.publish('first', 'k', 'both', { dueMs: kit.clock.now + 5 })).toBe(2);
    expect(kit.queues.get('', 'direct')!.bodies).toEqual(['both']);
    expect(kit.queues.get('', 'q')!.bodies).toEqual([]);
    pass(kit, 5);
    expect(kit.queues.get('', 'q')!.bodies).toEqual(['both']);
    expect(kit.queues.get('', 'direct')!.bodies).toEqual(['both']);
  });

  it('acknowledges what goes to a stream when the stream has it', async () => {
    const kit = await open();
    kit.streams.add('s');
    await kit.bind('later', 's', { destinationKind: 'stream', routingKey: 'k' });
    let finish = (): void => undefined;
    kit.publisher.streamTarget = () => new Promise<void>((resolve) => (finish = resolve));
    kit.publish('later', 'k', 'then', { dueMs: kit.clock.now + 5 });
    pass(kit, 5);
    expect(waiting(kit).leased).toHaveLength(1);
    finish();
    await new Promise((resolve) => setImmediate(resolve));
    expect(waiting(kit).leased).toHaveLength(0);
  });

  it('waits while too much is on its way to the disk', async () => {
    const kit = await open();
    kit.publish('later', 'k', 'then', { dueMs: kit.clock.now + 5 });
    kit.queues.storeState.uncommittedBytes = 100 * 1024 * 1024;
    pass(kit, 5);
    expect(kit.queues.get('', 'q')!.bodies).toEqual([]);
    kit.queues.commit();
    expect(kit.queues.get('', 'q')!.bodies).toEqual(['then']);
  });

  it('keeps a message that it cannot route yet, and tries again', async () => {
    const kit = await open();
    const draft = draftOf('later', 'k', 'then');
    draft.format = TEST_FORMAT.id + 1;
    draft.dueMs = kit.clock.now + 5;
    kit.publisher.publish(draft, kit.route('later', 'k', { dueMs: draft.dueMs }));
    pass(kit, 5);
    expect([waiting(kit).bodies, waiting(kit).leased]).toEqual([['then'], []]);
    kit.formats.register({ ...TEST_FORMAT, id: TEST_FORMAT.id + 1 });
    pass(kit, 60_000);
    expect(kit.queues.get('', 'q')!.bodies).toEqual(['then']);
    expect(waiting(kit).bodies).toEqual([]);
  });

  it('lets queues delay the message themselves once its own queue is gone', async () => {
    const kit = await open();
    await kit.queues.delete(waiting(kit));
    const route = kit.exchanges.route(
      kit.exchanges.get('', 'later')!,
      ['k'],
      factsOf({ dueMs: kit.clock.now + 5 }),
    );
    expect([route.delayed, route.queues]).toEqual([false, [kit.queues.get('', 'q')]]);
  });
});

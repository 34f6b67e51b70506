import { describe, expect, it } from 'vitest';
import type { LiveExchange } from './live-exchange.ts';
import { RecentHistory } from './recent-history.ts';
import { draftOf, type ExchangeKit, openExchangeKit } from './testing/kit.ts';

async function bound(kit: ExchangeKit, name: string): Promise<string[]> {
  const queue = await kit.queues.declare('', name);
  await kit.bind('x', name);
  return queue.bodies;
}

function publishMany(kit: ExchangeKit, count: number): string[] {
  const bodies = Array.from({ length: count }, (_, index) => `m${index}`);
  for (const body of bodies) kit.publish('x', 'k', body);
  return bodies;
}

describe('recent-history exchange', () => {
  it('gives a queue the newest 20 messages when it is bound, oldest first', async () => {
    const kit = await openExchangeKit();
    await kit.exchange('x', 'recent-history');
    const bodies = publishMany(kit, 30);
    expect(await bound(kit, 'q')).toEqual(bodies.slice(10));
    kit.publish('x', 'k', 'new');
    expect(kit.queues.get('', 'q')!.bodies).toEqual([...bodies.slice(10), 'new']);
    await kit.bind('x', 'q');
    expect(kit.queues.get('', 'q')!.bodies).toHaveLength(21);
  });

  it('remembers as many as it was declared to', async () => {
    const kit = await openExchangeKit();
    await kit.exchange('x', 'recent-history', { declared: { 'x-recent-history-length': 2 } });
    publishMany(kit, 5);
    expect(await bound(kit, 'q')).toEqual(['m3', 'm4']);
    for (const length of [0, -1, 1.5, '3']) {
      const declared = { 'x-recent-history-length': length };
      await expect(kit.exchange('y', 'recent-history', { declared })).rejects.toMatchObject({
        code: 'invalid-config',
      });
    }
  });

  it('forgets what asks not to be remembered', async () => {
    const kit = await openExchangeKit();
    await kit.exchange('x', 'recent-history');
    kit.publish('x', 'k', 'secret', { headers: { 'x-recent-history-no-store': true } });
    kit.publish('x', 'k', 'open');
    expect(await bound(kit, 'q')).toEqual(['open']);
  });

  it('remembers also what came by way of another exchange', async () => {
    const kit = await openExchangeKit();
    await kit.exchange('x', 'recent-history');
    await kit.bind('amq.topic', 'x', { destinationKind: 'exchange', routingKey: '#' });
    kit.publish('amq.topic', 'k', 'body');
    expect(await bound(kit, 'q')).toEqual(['body']);
  });

  it('forgets everything when it is deleted', async () => {
    const kit = await openExchangeKit();
    const exchange = (await kit.exchange('x', 'recent-history')) as LiveExchange;
    kit.publish('x', 'k', 'body');
    expect(exchange.history?.count).toBe(1);
    await kit.exchanges.delete(exchange);
    expect(exchange.history?.count).toBe(0);
  });

  it('routes what it remembers through an exchange that is bound to it', async () => {
    const kit = await openExchangeKit();
    await kit.exchange('x', 'recent-history');
    await kit.queues.declare('', 'q');
    await kit.bind('amq.direct', 'q', { routingKey: 'a' });
    kit.publish('x', 'a', 'wanted');
    kit.publish('x', 'b', 'unwanted');
    await kit.bind('x', 'amq.direct', { destinationKind: 'exchange' });
    expect(kit.queues.get('', 'q')!.bodies).toEqual(['wanted']);
  });
});

describe('recent history', () => {
  it('keeps within a mebibyte, and within what all may have together', () => {
    const budget = { bytes: 0 };
    const history = new RecentHistory(10_000, budget);
    const large = draftOf('x', 'k', 'a'.repeat(300_000));
    for (let index = 0; index < 10; index++) history.add(large);
    expect(history.count).toBe(3);
    expect(budget.bytes).toBeLessThanOrEqual(1024 * 1024);
    history.add(draftOf('x', 'k', 'a'.repeat(1024 * 1024)));
    expect(history.count).toBe(3);
    budget.bytes += 64 * 1024 * 1024;
    history.add(large);
    expect(history.count).toBe(0);
  });

  it('gives back what it held', () => {
    const budget = { bytes: 0 };
    const history = new RecentHistory(5, budget);
    for (let index = 0; index < 9; index++) history.add(draftOf('x', 'k', 'body'));
    expect([history.count, budget.bytes > 0]).toEqual([5, true]);
    history.clear();
    expect([history.count, budget.bytes]).toEqual([0, 0]);
  });
});

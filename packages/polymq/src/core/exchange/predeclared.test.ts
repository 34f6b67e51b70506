import { describe, expect, it } from 'vitest';
import { createNodeEnvironment } from '../../lib/environment/node/node-environment.ts';
import { createMemoryEngine } from '../../log/memory/memory-engine.ts';
import { openExchangeKit } from './testing/kit.ts';

describe('a predeclared exchange', () => {
  const predeclared = [{ name: 'own', type: 'glob' as const }];

  it('is there from the beginning and stays, its bindings too', async () => {
    const kit = await openExchangeKit({ predeclared });
    await kit.queues.declare('', 'q');
    await kit.bind('own', 'q', { routingKey: 'a*' });
    await expect(kit.exchange('own', 'fanout')).rejects.toMatchObject({ code: 'exchange-exists' });
    const own = kit.exchanges.get('', 'own')!;
    await expect(kit.exchanges.delete(own)).rejects.toMatchObject({ code: 'invalid-request' });
    const again = await kit.restart();
    expect(again.exchanges.get('', 'own')!.definition).toMatchObject({
      type: 'glob',
      durable: true,
    });
    expect([again.targets('own', 'ab'), again.targets('own', 'b')]).toEqual([['q'], []]);
  });

  it('takes the place of one that was declared before it was predeclared', async () => {
    const engine = createMemoryEngine(createNodeEnvironment());
    const kit = await openExchangeKit({ engine, snapshotAfterCommands: 2 });
    await kit.queues.declare('', 'q');
    await kit.exchange('own', 'headers', { alternate: 'amq.fanout', delayed: true });
    await kit.bind('own', 'q', { routingKey: 'a', arguments: { 'x-match': 'any', n: 1 } });
    await kit.bind('own', 'q', { routingKey: 'b' });
    await kit.unbind('own', 'q', { routingKey: 'b' });
    await kit.close();
    await kit.meta.close();
    const queues = kit.queues.restarted();
    const again = await openExchangeKit({ engine, queues, predeclared });
    expect(again.exchanges.get('', 'own')!.definition).toMatchObject({ type: 'glob' });
    expect([again.targets('own', 'a'), again.targets('own', 'b')]).toEqual([['q'], []]);
    await again.bind('own', 'q', { routingKey: 'c' });
    expect((await again.restart()).targets('own', 'c')).toEqual(['q']);
  });
});

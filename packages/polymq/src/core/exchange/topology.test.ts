import { describe, expect, it } from 'vitest';
import { Topology } from './topology.ts';

describe('topology', () => {
  it('gives a new queue none of the bindings of an older one with its name', () => {
    const topology = new Topology(() => 0);
    const binding = {
      namespace: '',
      source: 'amq.direct',
      kind: 'queue',
      destination: 'q',
    } as const;
    topology.bind({ ...binding, key: 'old', queueId: 1 }, true);
    topology.bind({ ...binding, key: 'new', queueId: 2 }, true);
    const keys = topology.queueEnd('', 'q')?.incoming.map(({ routingKey }) => routingKey);
    expect([keys, topology.bindingCount]).toEqual([['new'], 1]);
    expect(topology.exchange('', 'amq.direct')?.bindingCount).toBe(1);
  });

  it('leaves commands undone that later ones have overtaken', () => {
    const topology = new Topology(() => 0);
    const binding = { namespace: '', source: 'none', kind: 'queue', destination: 'q' } as const;
    topology.bind({ ...binding, key: 'k', queueId: 1 }, true);
    topology.delete('', 'none');
    topology.delete('', 'amq.topic');
    expect([topology.bindingCount, topology.queueEnd('', 'q')]).toEqual([0, undefined]);
    expect(topology.exchange('', 'amq.topic')).toBeDefined();
  });

  it('has further exchanges in the default namespace, whatever the log says of their names', () => {
    const topology = new Topology(() => 0, [{ name: 'own', type: 'glob' }]);
    const definition = { durable: true, autoDelete: true, internal: true, declared: {} };
    topology.declare('', 'own', { ...definition, type: 'fanout' });
    expect(topology.exchange('', 'own')!.definition).toEqual({
      type: 'glob',
      durable: true,
      autoDelete: false,
      internal: false,
      declared: {},
    });
    expect([topology.exchangeCount, topology.exchange('other', 'own')]).toEqual([0, undefined]);
    const binding = { namespace: '', source: 'own', kind: 'queue', destination: 'q' } as const;
    topology.bind({ ...binding, key: 'k', queueId: 1 }, true);
    topology.delete('', 'own');
    expect([topology.bindingCount, topology.queueEnd('', 'q')]).toEqual([0, undefined]);
    expect(topology.exchange('', 'own')).toBeDefined();
  });
});

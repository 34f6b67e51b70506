import { describe, expect, it } from 'vitest';
import { subscriptionIdsField } from './codec/index.ts';
import { subscriptionTo } from './session-document.ts';
import { effectOf, type Subscription } from './subscription.ts';

function subscription(options: Partial<Subscription>): Subscription {
  const made = subscriptionTo('t', { qos: 0, noLocal: false, retainAsPublished: false, id: 0 });
  return { ...made!, ...options };
}

describe('filters that want the same message', () => {
  it('come to the highest QoS and all ids, each once', () => {
    const effect = effectOf(
      [
        subscription({ qos: 1, id: 5 }),
        subscription({ qos: 2 }),
        subscription({ id: 300 }),
        subscription({ id: 5, retainAsPublished: true }),
      ],
      false,
    )!;
    expect(effect.qos).toBe(2);
    expect(effect.retainAsPublished).toBe(true);
    expect(effect.subscriptionIds).toEqual(subscriptionIdsField([5, 300]));
  });

  it('leave out those that do not want what their own client publishes', () => {
    const both = [subscription({ qos: 2, noLocal: true, id: 1 }), subscription({ qos: 1, id: 2 })];
    expect(effectOf(both, false)!.qos).toBe(2);
    expect(effectOf(both, true)!.qos).toBe(1);
    expect(effectOf(both, true)!.subscriptionIds).toEqual(subscriptionIdsField([2]));
    expect(effectOf([both[0]!], true)).toBeUndefined();
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  readSession,
  readSubscription,
  subscriptionKey,
  subscriptionTo,
  writeSession,
  writeSubscription,
} from './session-document.ts';

describe('what documents say of a session', () => {
  it('is what was written, whatever the client is called', () => {
    const filters = fc.constantFrom('a/b', '+/#', '$share/g/a/+', '/', '1/2/3', '$SYS/#');
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }),
        filters,
        fc.nat(268_435_455),
        (clientId, text, id) => {
          const options = { qos: 2 as const, noLocal: true, retainAsPublished: false, id };
          const subscription = subscriptionTo(text, options)!;
          const key = subscriptionKey(clientId, text);
          const read = readSubscription(key, writeSubscription(subscription));
          expect(read).toEqual({ clientId, subscription });
        },
      ),
    );
  });

  it('knows sessions that last for ever', () => {
    const never = { expiryS: Number.POSITIVE_INFINITY, endedMs: 7 };
    expect(readSession(JSON.parse(JSON.stringify(writeSession(never))))).toEqual(never);
  });

  it('is nothing if it makes no sense', () => {
    expect(readSession({ expiryS: '1' })).toBeUndefined();
    expect(readSubscription(subscriptionKey('c', 'a'), { qos: 3, id: 0 })).toBeUndefined();
    expect(readSubscription(subscriptionKey('c', 'a/#/b'), { qos: 1, id: 0 })).toBeUndefined();
  });
});

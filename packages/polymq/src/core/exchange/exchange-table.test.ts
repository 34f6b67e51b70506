import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Binding, ExchangeType } from './exchanges.ts';
import { CLASSIC } from './testing/fake-queues.ts';
import { bindingOf, type ExchangeKit, openExchangeKit } from './testing/kit.ts';

const EXCHANGES = ['x', 'y', 'short'];
const QUEUES = ['q', 'r', 'brief'];
const TYPES: readonly ExchangeType[] = ['direct', 'fanout', 'topic', 'headers'];

const bindings = fc
  .record({
    source: fc.constantFrom(...EXCHANGES, 'amq.topic'),
    to: fc.constantFrom(...EXCHANGES, ...QUEUES),
    routingKey: fc.constantFrom('', 'a', '*', '#.a'),
    declared: fc.constantFrom({}, { a: 1 }, { a: 1, 'x-match': 'any' }),
  })
  .map(({ source, to, routingKey, declared }) => {
    const destinationKind = QUEUES.includes(to) ? ('queue' as const) : ('exchange' as const);
    return bindingOf(source, to, { routingKey, destinationKind, arguments: declared });
  });

type Step = (kit: ExchangeKit) => Promise<unknown>;

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: bindings.map(
      (binding): Step =>
        ({ exchanges }) =>
          exchanges.bind(binding),
    ),
  },
  {
    weight: 2,
    arbitrary: bindings.map(
      (binding): Step =>
        ({ exchanges }) =>
          exchanges.unbind(binding),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constantFrom(...EXCHANGES), fc.constantFrom(...TYPES), fc.boolean()).map(
      ([name, type, autoDelete]): Step =>
        (kit) => {
          return kit.exchange(name, type, { durable: name !== 'short', autoDelete });
        },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...EXCHANGES).map(
      (name): Step =>
        async ({ exchanges }) => {
          const exchange = exchanges.get('', name);
          if (exchange !== undefined) await exchanges.delete(exchange);
        },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(...QUEUES).map(
      (name): Step =>
        ({ queues }) => {
          return queues.declare('', name, { ...CLASSIC, durable: name !== 'brief' });
        },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...QUEUES).map(
      (name): Step =>
        async ({ queues }) => {
          const queue = queues.get('', name);
          if (queue !== undefined) await queues.delete(queue);
        },
    ),
  },
);

function isDurable({ source, destination }: Binding): boolean {
  return source !== 'short' && destination !== 'short' && destination !== 'brief';
}

function texts(list: readonly Binding[]): string[] {
  return list.map((binding) => JSON.stringify(binding)).sort();
}

function exchangesOf({ exchanges }: ExchangeKit): string[] {
  return exchanges
    .list('')
    .filter(({ definition }) => definition.durable)
    .map(({ name, definition }) => `${name} ${JSON.stringify(definition)}`)
    .sort();
}

describe('exchanges over a restart', () => {
  it('are what they were, whatever was done to them, side by side', async () => {
    const property = fc.asyncProperty(
      fc.array(fc.array(steps, { minLength: 1, maxLength: 4 }), { maxLength: 12 }),
      fc.constantFrom(2, 7, 4096),
      async (rounds, snapshotAfterCommands) => {
        const kit = await openExchangeKit({ snapshotAfterCommands });
        for (const round of rounds) await Promise.allSettled(round.map((step) => step(kit)));
        await kit.close();
        const durable = kit.exchanges.bindings('').filter(isDurable);
        const before = [texts(durable), exchangesOf(kit)];
        const again = await kit.restart();
        expect([texts(again.exchanges.bindings('')), exchangesOf(again)]).toEqual(before);
        for (const { destination, destinationKind } of again.exchanges.bindings('')) {
          const end = destinationKind === 'queue' ? again.queues : again.exchanges;
          expect(end.get('', destination)).toBeDefined();
        }
      },
    );
    await fc.assert(property, { numRuns: 150 });
  });
});

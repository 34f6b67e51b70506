import { describe, expect, it } from 'vitest';
import type { MessageDraft } from '../message/message-draft.ts';
import type { LiveExchange } from './live-exchange.ts';
import type { Receiver, Subscriber, SubscriberTarget } from './subscribers.ts';
import { draftOf, type ExchangeKit, openExchangeKit } from './testing/kit.ts';

const TO_EXCHANGE = { destinationKind: 'exchange' } as const;

/** Writes down what it is handed: `body owner:tag,tag owner:tag`. */
class Recorder implements Receiver {
  readonly seen: string[] = [];
  readonly targets: (readonly SubscriberTarget[])[] = [];
  calls = 0;

  receive(draft: MessageDraft, targets: readonly SubscriberTarget[]): number {
    this.calls += 1;
    this.targets.push(targets);
    const body = Buffer.concat([
      draft.content.subarray(draft.contentStart + draft.propertiesBytes, draft.contentEnd),
      ...draft.more,
    ]);
    const named = targets.map(({ owner, tags }) => `${owner}:${tags.join(',')}`);
    this.seen.push([body.toString(), ...named].join(' '));
    return targets.length;
  }
}

function subscriber(kit: ExchangeKit, receiver: Receiver, owner: string): Subscriber {
  return kit.exchanges.subscribe('', receiver, owner);
}

describe('live subscriber', () => {
  it('is handed what its bindings want, and counts as one who got it', async () => {
    const kit = await openExchangeKit();
    const receiver = new Recorder();
    subscriber(kit, receiver, 'a').bind('amq.topic', 'x.*', 1);
    expect(kit.publish('amq.topic', 'x.y', 'wanted')).toBe(1);
    expect(kit.publish('amq.topic', 'y.y', 'unwanted')).toBe(0);
    expect(receiver.seen).toEqual(['wanted a:1']);
  });

  it('gets a message once, with the tags of all bindings that have matched', async () => {
    const kit = await openExchangeKit();
    const receiver = new Recorder();
    const one = subscriber(kit, receiver, 'a');
    one.bind('amq.topic', 'x.*', 1);
    one.bind('amq.topic', 'x.#', 2);
    one.bind('amq.topic', 'z', 3);
    await kit.bind('amq.topic', 'amq.fanout', { ...TO_EXCHANGE, routingKey: '#' });
    one.bind('amq.fanout', '', 4);
    expect(kit.publish('amq.topic', 'x.y', 'm')).toBe(1);
    expect(receiver.targets[0]!.map(({ tags }) => [...tags].sort())).toEqual([[1, 2, 4]]);
  });

  it('is met once by a binding that several routing keys lead to', async () => {
    const kit = await openExchangeKit();
    subscriber(kit, new Recorder(), 'a').bind('amq.topic', '#', 1);
    const route = kit.route('amq.topic', ['x', 'y']);
    expect(route.receivers[0]!.targets[0]!.tags).toEqual([1]);
  });

  it('shares one call with the others of its receiver, in the order of their bindings', async () => {
    const kit = await openExchangeKit();
    const [first, second] = [new Recorder(), new Recorder()];
    for (const owner of ['c', 'a', 'b'])
      subscriber(kit, first, owner).bind('amq.fanout', '', owner);
    subscriber(kit, second, 'd').bind('amq.fanout', '', 'd');
    expect(kit.publish('amq.fanout', 'k', 'm')).toBe(4);
    expect(first.seen).toEqual(['m c:c a:a b:b']);
    expect(second.seen).toEqual(['m d:d']);
  });

  it('is handed a message after the queues have it', async () => {
    const kit = await openExchangeKit();
    const queue = await kit.queues.declare('', 'q');
    await kit.bind('amq.fanout', 'q');
    let before: string[] = [];
    const receiver: Receiver = {
      receive: () => {
        before = [...queue.bodies];
        return 0;
      },
    };
    subscriber(kit, receiver, 'a').bind('amq.fanout', '', 1);
    // One who does not take it does not count.
    expect(kit.publish('amq.fanout', 'k', 'm')).toBe(1);
    expect(before).toEqual(['m']);
  });

  it('keeps its targets with what the receiver noted until a binding changes', async () => {
    const kit = await openExchangeKit();
    const receiver = new Recorder();
    const one = subscriber(kit, receiver, 'a');
    one.bind('amq.direct', 'k', 1);
    const route = kit.route('amq.direct', 'k');
    expect(route.cacheable).toBe(true);
    route.receivers[0]!.targets[0]!.note = 'noted';
    expect(kit.route('amq.direct', 'k').receivers[0]!.targets[0]!.note).toBe('noted');
    one.bind('amq.direct', 'other', 2);
    expect(kit.route('amq.direct', 'k').receivers[0]!.targets[0]!.note).toBeUndefined();
  });

  it('gets nothing for a binding that it has removed, nor for any when it is closed', async () => {
    const kit = await openExchangeKit();
    const receiver = new Recorder();
    const one = subscriber(kit, receiver, 'a');
    for (const key of ['k', 'l', 'm']) one.bind('amq.direct', key, key);
    expect([one.bindingCount, one.unbind('amq.direct', 'k'), one.bindingCount]).toEqual([
      3,
      true,
      2,
    ]);
    expect([one.unbind('amq.direct', 'k'), one.unbind('none', 'k')]).toEqual([false, false]);
    expect(kit.publish('amq.direct', 'k', 'm')).toBe(0);
    expect(kit.publish('amq.direct', 'l', 'm')).toBe(1);
    one.close();
    expect(kit.publish('amq.direct', 'l', 'm')).toBe(0);
    expect(one.bindingCount).toBe(0);
    one.bind('amq.direct', 'l', 1);
    one.close();
    expect([one.bindingCount, kit.publish('amq.direct', 'l', 'm')]).toEqual([0, 0]);
    expect(kit.exchanges.get('', 'amq.direct')!.bindingCount).toBe(0);
  });

  it('has one binding per key and arguments, whose tag is the newest', async () => {
    const kit = await openExchangeKit();
    const receiver = new Recorder();
    const one = subscriber(kit, receiver, 'a');
    one.bind('amq.fanout', 'k', 'old');
    kit.publish('amq.fanout', 'k', 'm');
    one.bind('amq.fanout', 'k', 'new');
    kit.publish('amq.fanout', 'k', 'm');
    one.bind('amq.fanout', 'k', 'other', { n: 1 });
    kit.publish('amq.fanout', 'k', 'm');
    expect(one.bindingCount).toBe(2);
    expect(one.unbind('amq.fanout', 'k', { n: 1 })).toBe(true);
    expect(one.bindingCount).toBe(1);
    expect(receiver.seen.slice(0, 2)).toEqual(['m a:old', 'm a:new']);
    expect([...receiver.targets[2]![0]!.tags].sort()).toEqual(['new', 'other']);
  });

  it('cannot bind what does not exist or is not allowed', async () => {
    const limits = { bindingsMax: 1, bindingBytesMax: 100, argumentsBytesMax: 50 };
    const kit = await openExchangeKit({ limits });
    await kit.exchange('hash', 'consistent-hash');
    const one = subscriber(kit, new Recorder(), 'a');
    const codeOf = (...[exchange, key, tag, values]: Parameters<Subscriber['bind']>) => {
      try {
        one.bind(exchange, key, tag, values);
        return 'bound';
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    expect(codeOf('none', '', 1)).toBe('unknown-exchange');
    expect(codeOf('', 'q', 1)).toBe('invalid-binding');
    expect(codeOf('hash', 'x', 1)).toBe('invalid-binding');
    expect(codeOf('amq.topic', 'x'.repeat(256), 1)).toBe('invalid-binding');
    expect(codeOf('amq.topic', 'x', 1, { long: 'x'.repeat(50) })).toBe('invalid-binding');
    expect(codeOf('amq.topic', 'x'.repeat(101), 1)).toBe('limit-reached');
    expect(codeOf('amq.topic', 'x', 1)).toBe('bound');
    expect(codeOf('amq.topic', 'y', 1)).toBe('limit-reached');
    expect(codeOf('amq.topic', 'x', 2)).toBe('bound');
    one.unbind('amq.topic', 'x');
    expect(codeOf('amq.topic', 'y', 1)).toBe('bound');
  });
});

describe('a live binding', () => {
  it('keeps messages from the alternate exchange', async () => {
    const kit = await openExchangeKit();
    const receiver = new Recorder();
    await kit.exchange('x', 'direct', { alternate: 'amq.fanout' });
    const [one, other] = [subscriber(kit, receiver, 'a'), subscriber(kit, receiver, 'b')];
    one.bind('x', 'k', 1);
    other.bind('amq.fanout', '', 2);
    kit.publish('x', 'k', 'm');
    kit.publish('x', 'l', 'n');
    expect(receiver.seen).toEqual(['m a:1', 'n b:2']);
  });

  it('holds an auto-delete exchange, and it goes with the last', async () => {
    const kit = await openExchangeKit();
    await kit.exchange('x', 'fanout', { durable: false, autoDelete: true });
    await kit.queues.declare('', 'q');
    await kit.bind('x', 'q');
    const one = subscriber(kit, new Recorder(), 'a');
    one.bind('x', '', 1);
    await kit.unbind('x', 'q');
    const exchange = kit.exchanges.get('', 'x')!;
    expect(exchange.bindingCount).toBe(1);
    await expect(kit.exchanges.delete(exchange, { ifUnused: true })).rejects.toMatchObject({
      code: 'exchange-in-use',
    });
    one.close();
    expect(kit.exchanges.get('', 'x')).toBeUndefined();
  });

  it('goes with its exchange', async () => {
    const kit = await openExchangeKit();
    const exchange = await kit.exchange('x', 'fanout');
    const one = subscriber(kit, new Recorder(), 'a');
    one.bind('x', '', 1);
    await kit.exchanges.delete(exchange);
    expect(one.bindingCount).toBe(0);
    await kit.exchange('x', 'fanout');
    expect(kit.publish('x', '', 'm')).toBe(0);
    expect(one.unbind('x', '')).toBe(false);
  });

  it('is in no list and does not survive a restart', async () => {
    const kit = await openExchangeKit({ snapshotAfterCommands: 2 });
    const receiver = new Recorder();
    await kit.exchange('x', 'fanout');
    await kit.exchange('y', 'fanout');
    subscriber(kit, receiver, 'a').bind('x', '', 1);
    await kit.bind('x', 'y', TO_EXCHANGE);
    const exchange = kit.exchanges.get('', 'x')!;
    expect(exchange.bindingCount).toBe(2);
    expect(kit.exchanges.bindings()).toHaveLength(1);
    expect(kit.exchanges.bindingsOf(exchange)).toHaveLength(1);
    const again = await kit.restart();
    expect(again.exchanges.get('', 'x')!.bindingCount).toBe(1);
    expect(again.publish('x', '', 'm')).toBe(0);
  });

  it('of a recent-history exchange gets what is remembered first', async () => {
    const kit = await openExchangeKit();
    const receiver = new Recorder();
    await kit.exchange('x', 'recent-history');
    kit.publish('x', 'k', 'before');
    const one = subscriber(kit, receiver, 'a');
    one.bind('x', '', 1);
    one.bind('x', '', 2);
    kit.publish('x', 'k', 'after');
    expect(receiver.seen).toEqual(['before a:1', 'after a:2']);
  });

  it('gets dead letters', async () => {
    const kit = await openExchangeKit();
    const receiver = new Recorder();
    subscriber(kit, receiver, 'a').bind('amq.direct', 'k', 1);
    kit.deadLetterRouter('', 'amq.direct', ['k'], draftOf('amq.direct', 'k', 'dead'));
    expect(receiver.seen).toEqual(['dead a:1']);
  });

  it('behind a delayed exchange gets messages when they are due', async () => {
    const kit = await openExchangeKit();
    const receiver = new Recorder();
    await kit.exchange('x', 'fanout', { delayed: true });
    subscriber(kit, receiver, 'a').bind('x', '', 1);
    kit.publish('x', 'k', 'later', { dueMs: kit.clock.now + 1000 });
    kit.publish('x', 'k', 'now');
    expect(receiver.seen).toEqual(['now a:1']);
    kit.clock.now += 1001;
    kit.queues.get('', 'amq.delayed.x')!.pump();
    expect(receiver.seen).toEqual(['now a:1', 'later a:1']);
  });

  it('is chosen among destinations by exchanges that choose one', async () => {
    const kit = await openExchangeKit();
    const receiver = new Recorder();
    await kit.exchange('x', 'consistent-hash');
    for (const owner of ['a', 'b', 'c']) subscriber(kit, receiver, owner).bind('x', '1', owner);
    for (let key = 0; key < 64; key++) expect(kit.publish('x', `k${key}`, 'm')).toBe(1);
    expect(new Set(receiver.seen)).toEqual(new Set(['m a:a', 'm b:b', 'm c:c']));
  });

  it('is let go of by the route cache when it has gone', async () => {
    const kit = await openExchangeKit();
    const one = subscriber(kit, new Recorder(), 'a');
    one.bind('amq.direct', 'k', 1);
    kit.publish('amq.direct', 'k', 'm');
    const exchange = kit.exchanges.get('', 'amq.direct') as LiveExchange;
    expect(exchange.routes.size).toBe(1);
    one.close();
    expect(exchange.routes.size).toBe(0);
  });
});

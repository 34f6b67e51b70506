import { describe, expect, it } from 'vitest';
import type { MessageDraft } from '../message/message-draft.ts';
import { CLASSIC } from './testing/fake-queues.ts';
import { draftOf, openExchangeKit } from './testing/kit.ts';

const TO_STREAM = { destinationKind: 'stream' } as const;

describe('publisher', () => {
  it('counts the queues and streams that got the message', async () => {
    const kit = await openExchangeKit();
    expect(kit.publish('amq.fanout', 'k', 'nobody')).toBe(0);
    await kit.queues.declare('', 'q');
    await kit.queues.declare('', 'r');
    await kit.bind('amq.fanout', 'q');
    await kit.bind('amq.fanout', 'r');
    expect(kit.publish('amq.fanout', 'k', 'both')).toBe(2);
    kit.streams.add('s');
    await kit.bind('amq.fanout', 's', TO_STREAM);
    kit.publisher.streamTarget = async () => undefined;
    expect(kit.publish('amq.fanout', 'k', 'all')).toBe(3);
  });

  it('says so when a full queue has refused it, though others have it', async () => {
    const kit = await openExchangeKit();
    await kit.queues.declare('', 'q');
    await kit.queues.declare('', 'r');
    for (const name of ['q', 'r']) await kit.bind('amq.fanout', name);
    kit.queues.get('', 'q')!.full = true;
    expect(kit.publish('amq.fanout', 'k', 'body')).toBeLessThan(0);
    expect(kit.queues.get('', 'r')!.bodies).toEqual(['body']);
  });

  it('assigns messages to the groups of their keys, where a queue has groups', async () => {
    const kit = await openExchangeKit();
    await kit.queues.declare('', 'plain');
    await kit.queues.declare('', 'grouped', { ...CLASSIC, settings: { groups: true } });
    const draft = draftOf('', 'grouped', 'body', { 'polymq-key': 'k' });
    const long = draftOf('', 'grouped', 'body', { 'polymq-key': 'x'.repeat(70_000) });
    const groupsOf = (name: string) =>
      kit.queues.get('', name)!.messages.map((each) => each.draft.groupId);
    for (const each of [draft, draft, long, draftOf('', 'grouped', 'body', {})]) {
      kit.publisher.publish(each, kit.route('', 'grouped'));
    }
    kit.publisher.publish(draft, kit.route('', 'plain'));
    const [first, second, third, fourth] = groupsOf('grouped');
    expect([first, second, fourth]).toEqual(['k', 'k', undefined]);
    expect(third).toMatch(/^.{20,64}$/);
    expect(groupsOf('plain')).toEqual([undefined]);
  });

  it('says what streams have not taken yet, of the last message alone', async () => {
    const kit = await openExchangeKit();
    kit.streams.add('s').add('t');
    for (const name of ['s', 't']) await kit.bind('amq.fanout', name, TO_STREAM);
    const seen: string[] = [];
    const finish: (() => void)[] = [];
    kit.publisher.streamTarget = (name: string, draft: MessageDraft) => {
      seen.push(`${name}:${draft.more[0]?.toString()}`);
      return new Promise<void>((resolve) => finish.push(resolve));
    };
    expect(kit.publish('amq.fanout', 'k', 'body')).toBe(2);
    expect(seen.sort()).toEqual(['s:body', 't:body']);
    let done = false;
    const pending = kit.publisher.streamsPending()!.then(() => {
      done = true;
    });
    finish[0]!();
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toBe(false);
    finish[1]!();
    await pending;
    kit.publish('amq.direct', 'k', 'nobody');
    expect(kit.publisher.streamsPending()).toBeUndefined();
  });

  it('passes on that a stream has failed', async () => {
    const kit = await openExchangeKit();
    kit.streams.add('s');
    kit.publisher.streamTarget = () => Promise.reject(new Error('full'));
    kit.publish('', 's', 'body');
    await expect(kit.publisher.streamsPending()).rejects.toThrow('full');
  });
});

describe('dead-letter router', () => {
  it('routes like a publish, the default exchange and alternates included', async () => {
    const kit = await openExchangeKit();
    await kit.queues.declare('', 'q');
    await kit.queues.declare('', 'r');
    await kit.exchange('dlx', 'direct', { alternate: 'amq.fanout' });
    await kit.bind('dlx', 'q', { routingKey: 'k' });
    await kit.bind('amq.fanout', 'r');
    const to = (exchange: string, keys: string[]) => {
      const found = kit.deadLetterRouter('', exchange, keys, draftOf(exchange, keys[0]!, 'dead'));
      return found.queues.map(({ name }) => name);
    };
    expect(to('', ['q'])).toEqual(['q']);
    expect(to('dlx', ['k'])).toEqual(['q']);
    expect(to('dlx', ['none'])).toEqual(['r']);
    expect(to('missing', ['k'])).toEqual([]);
  });

  it('looks at the headers of the dead letter', async () => {
    const kit = await openExchangeKit();
    await kit.queues.declare('', 'q');
    await kit.bind('amq.headers', 'q', { arguments: { a: 1 } });
    const to = (headers: Record<string, unknown>) => {
      return kit.deadLetterRouter('', 'amq.headers', ['k'], draftOf('x', 'k', 'dead', headers))
        .queues;
    };
    expect(to({ a: 1 })).toHaveLength(1);
    expect(to({ a: 2 })).toHaveLength(0);
  });

  it('gives dead letters to streams itself', async () => {
    const kit = await openExchangeKit();
    kit.streams.add('s');
    const got: string[] = [];
    kit.publisher.streamTarget = async (name) => void got.push(name);
    await kit.bind('amq.fanout', 's', TO_STREAM);
    expect(kit.deadLetterRouter('', 'amq.fanout', ['k'], draftOf('', 'k', 'dead')).queues).toEqual(
      [],
    );
    expect(got).toEqual(['s']);
  });
});

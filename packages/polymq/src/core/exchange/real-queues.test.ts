/** Exchanges over the real queues and their store, which the other tests replace by simpler ones. */
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../lib/logger.ts';
import type { MessageDraft } from '../message/message-draft.ts';
import { MessageFormats } from '../message/message-formats.ts';
import { declaredQueues, openQueues } from '../queue/open-queues.ts';
import type { QueueCatalogue } from '../queue/queue-catalogue.ts';
import { type OpenMessageStore, openMessageStore } from '../queue/store/open-message-store.ts';
import { type Kit, openKit } from '../stream/testing/kit.ts';
import { type OpenExchanges, openExchanges } from './open-exchanges.ts';
import type { SubscriberTarget } from './subscribers.ts';
import { CLASSIC } from './testing/fake-queues.ts';
import { bindingOf, draftOf, factsOf, TEST_FORMAT } from './testing/kit.ts';

interface Opened extends OpenExchanges {
  base: Kit;
  queues: QueueCatalogue;
  store: OpenMessageStore;
  publish(exchange: string, key: string, body: string, dueMs?: number): number;
  bodies(queue: string): Promise<string[]>;
  restart(): Promise<Opened>;
}

async function open(base: Kit): Promise<Opened> {
  const { engine, environment, meta } = base;
  const declared = declaredQueues(meta);
  const knowsQueue = (id: number) => declared.knows(id);
  const store = await openMessageStore({ engine, environment, durability: 'fsync', knowsQueue });
  const { queues, close } = openQueues({ environment, declared, store, logger: silentLogger });
  queues.restored();
  const formats = new MessageFormats([TEST_FORMAT]);
  const parts = { environment, meta, queues, formats, logger: silentLogger };
  const opened = await openExchanges({ ...parts, streamExists: () => false });
  const { exchanges, publisher } = opened;
  queues.deadLetterRouter = opened.deadLetterRouter;
  return {
    ...opened,
    base,
    queues,
    store,
    publish: (name, key, body, dueMs = 0) => {
      const draft = draftOf(name, key, body);
      draft.persistent = true;
      draft.dueMs = dueMs;
      const route = exchanges.route(exchanges.get('', name)!, [key], factsOf({ dueMs }));
      return publisher.publish(draft, route);
    },
    bodies: async (name) => {
      const seen: string[] = [];
      await queues.get('', name)!.peek(100, (view) => seen.push(view.body.toString()));
      return seen;
    },
    restart: async () => {
      await store.whenCommitted(store.position);
      await opened.close();
      await close();
      await store.close();
      return open(await base.restart());
    },
  };
}

async function withDelay(): Promise<Opened> {
  const opened = await open(await openKit());
  const flags = { durable: true, autoDelete: false, internal: false, declared: {} };
  await opened.exchanges.declare('', 'later', { type: 'topic', delayed: true, ...flags });
  await opened.queues.declare('', 'q', CLASSIC);
  await opened.exchanges.bind(bindingOf('later', 'q', { routingKey: 'a.*' }));
  return opened;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function pass({ base }: Opened, byMs: number): Promise<void> {
  // Timers that are set by timers come later.
  for (let passedMs = 0; passedMs < byMs; passedMs += 100) {
    base.clock.advance(100);
    await turn();
  }
}

describe('exchanges over real queues', () => {
  it('route a delayed message when it is due, over a restart', async () => {
    const before = await withDelay();
    const nowMs = before.base.clock.nowMs;
    before.publish('later', 'a.b', 'soon', nowMs + 1000);
    before.publish('later', 'a.c', 'then', nowMs + 5000);
    before.publish('later', 'b', 'nowhere', nowMs + 1000);
    before.publish('later', 'a.b', 'now');
    expect(await before.bodies('q')).toEqual(['now']);
    await pass(before, 2000);
    expect(await before.bodies('q')).toEqual(['now', 'soon']);
    const after = await before.restart();
    expect(await after.bodies('q')).toEqual(['now', 'soon']);
    await pass(after, 4000);
    expect(await after.bodies('q')).toEqual(['now', 'soon', 'then']);
    expect(after.store.rows.count).toBe(3);
    await after.base.destroy();
  });

  it('find their queues again after a restart, and lose those that were deleted', async () => {
    const before = await withDelay();
    await before.queues.declare('', 'gone', CLASSIC);
    await before.exchanges.bind(bindingOf('later', 'gone', { routingKey: '#' }));
    await before.queues.delete(before.queues.get('', 'gone')!);
    await before.queues.declare('', 'gone', CLASSIC);
    const after = await before.restart();
    expect(after.exchanges.bindings().map(({ destination }) => destination)).toEqual(['q']);
    expect(after.publish('later', 'a.b', 'body')).toBe(1);
    expect(await after.bodies('q')).toEqual(['body']);
    await after.base.destroy();
  });

  it('keep the order of a key when messages come late or from the dead', async () => {
    const opened = await withDelay();
    const { base, queues, exchanges, publisher } = opened;
    const grouped = await queues.declare('', 'g', { ...CLASSIC, settings: { groups: true } });
    await exchanges.bind(bindingOf('later', 'g', { routingKey: '#' }));
    const settings = { deadLetterExchange: '', deadLetterRoutingKey: 'g', messageTtlMs: 500 };
    await queues.declare('', 'dying', { ...CLASSIC, settings });
    const publish = (exchange: string, key: string, dueMs: number): void => {
      const draft = draftOf(exchange, key, 'body', { 'polymq-key': 'k' });
      draft.dueMs = dueMs;
      const route = exchanges.route(exchanges.get('', exchange)!, [key], factsOf({ dueMs }));
      publisher.publish(draft, route);
    };
    publish('', 'dying', 0);
    publish('later', 'g', base.clock.nowMs + 1000);
    await pass(opened, 2000);
    expect(grouped.readyCount).toBe(2);
    expect(grouped.groupIdOf(grouped.take() as number)).toBe('k');
    expect(grouped.take()).toBeUndefined();
    await base.destroy();
  });

  it('hand delayed messages and dead letters to live subscribers, in order with the queues', async () => {
    const opened = await withDelay();
    const seen: string[] = [];
    const receiver = {
      receive: (draft: MessageDraft, targets: readonly SubscriberTarget[]) => {
        const body = draft.content.toString('utf8', draft.contentStart, draft.contentEnd);
        seen.push(body.slice(draft.propertiesBytes) + draft.more.join(''));
        return targets.length;
      },
    };
    opened.exchanges.subscribe('', receiver, 'owner').bind('later', 'a.*', 'tag');
    const settings = { deadLetterExchange: 'later', deadLetterRoutingKey: 'a.dead' };
    const queue = await opened.queues.declare('', 'dying', { ...CLASSIC, settings });
    opened.publish('later', 'a.b', 'delayed', opened.base.clock.nowMs + 1000);
    opened.publish('', 'dying', 'dead');
    queue.reject((await queue.take())!);
    expect(seen).toEqual(['dead']);
    await pass(opened, 2000);
    expect(seen).toEqual(['dead', 'delayed']);
    expect(await opened.bodies('q')).toEqual(seen);
    // The waiting queue has let go of it: only what is in q remains.
    expect(opened.store.rows.count).toBe(2);
    await opened.base.destroy();
  });

  it('route dead letters', async () => {
    const opened = await withDelay();
    const settings = { deadLetterExchange: 'later', deadLetterRoutingKey: 'a.dead' };
    const queue = await opened.queues.declare('', 'dying', { ...CLASSIC, settings });
    opened.publish('', 'dying', 'body');
    queue.reject((await queue.take())!);
    expect(await opened.bodies('q')).toEqual(['body']);
    await opened.base.destroy();
  });
});

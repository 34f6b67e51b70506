import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Context,
  type ContextManager,
  context,
  ROOT_CONTEXT,
  trace,
} from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import wasm from 'node-sqlite3-wasm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../client/create-client.ts';
import { MemoryDriver } from '../../driver/testing/memory-driver.ts';
import type { Interceptor } from '../../message/interceptor.ts';
import { sqlite } from '../../sql/sqlite.ts';
import { openTelemetry } from '../observability/open-telemetry.ts';
import { outbox } from './outbox.ts';

/** As the one of Node's SDK. */
class StoredContext implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>();

  active(): Context {
    return this.#storage.getStore() ?? ROOT_CONTEXT;
  }

  with: ContextManager['with'] = (current, work, that, ...values) =>
    this.#storage.run(current, () => work.call(that as never, ...values));

  bind<T>(_: Context, target: T): T {
    return target;
  }

  enable(): this {
    return this;
  }

  disable(): this {
    return this;
  }
}

beforeAll(() => void context.setGlobalContextManager(new StoredContext()));
afterAll(() => context.disable());

async function start(...interceptors: Interceptor[]) {
  const driver = new MemoryDriver();
  const mq = createClient(driver, { interceptors });
  const db = sqlite(new wasm.Database(':memory:'));
  const box = outbox({ mq, db });
  await box.ready();
  /** In another process, which has no interceptors. */
  const relayed = async (): Promise<void> => {
    const relay = outbox({ mq: createClient(driver), db }).relay();
    let over = false;
    const drained = relay.drain().finally(() => {
      over = true;
    });
    while (!over) await driver.clock.advance('1s');
    await drained;
    await relay.close();
  };
  return { mq, db, box, relayed };
}

describe('a message of the outbox and interceptors', () => {
  it.each(['parent', 'link'] as const)(
    'carries the trace of its transaction to the handler, as a %s',
    async (relation) => {
      const spans = new InMemorySpanExporter();
      const spanProcessors = [new SimpleSpanProcessor(spans)];
      const tracerProvider = new BasicTracerProvider({ spanProcessors });
      const { mq, db, box, relayed } = await start(
        await openTelemetry({ tracerProvider, relation }),
      );
      const order = tracerProvider.getTracer('test').startSpan('order');
      await context.with(trace.setSpan(context.active(), order), () =>
        db.transaction((tx) => box.add(tx, 'orders', { n: 1 })),
      );
      const [sent] = spans.getFinishedSpans();
      expect(sent).toMatchObject({ name: 'send orders' });
      expect(sent!.parentSpanContext?.spanId).toBe(order.spanContext().spanId);

      await relayed();
      await new Promise<void>((resolve) => {
        const consumer = mq.queue('orders').consume(() => void consumer.close().then(resolve));
      });
      const all = spans.getFinishedSpans();
      expect(all.map(({ name }) => name)).toEqual(['send orders', 'process orders']);
      const { traceId, spanId } = sent!.spanContext();
      const seen = relation === 'parent' ? all[1]!.parentSpanContext : all[1]!.links[0]?.context;
      expect(seen).toMatchObject({ traceId, spanId });
    },
  );

  it('passes the hooks of client and place once, around the row, and stays away if one refuses it', async () => {
    const seen: string[] = [];
    const noting = (name: string): Interceptor => ({
      name,
      send: async (messages, place, next) => {
        seen.push(`${name} ${place.kind} ${place.name} ${messages.length}`);
        if (messages[0]!.type === 'refused') throw new Error('no');
        const result = await next();
        seen.push(`${name} done`);
        return result;
      },
    });
    const { mq, db, box, relayed } = await start(noting('all'));
    const orders = mq.queue<number>('orders', { interceptors: [noting('its')] });
    const events = mq.topic<number>('events');
    await db.transaction(async (tx) => {
      await box.add(tx, orders, 1);
      await box.add(tx, events, 2);
      await expect(box.add(tx, orders, 3, { type: 'refused' })).rejects.toThrow('no');
    });
    await relayed();
    expect(seen).toEqual([
      'all queue orders 1',
      'its queue orders 1',
      'its done',
      'all done',
      'all topic events 1',
      'all done',
      'all queue orders 1',
    ]);
    expect(await orders.stats()).toMatchObject({ ready: 1 });
  });

  it('is in the table of SQLite when `add` returns, also with interceptors that wait for nothing', async () => {
    const tracerProvider = new BasicTracerProvider();
    const { db, box } = await start(await openTelemetry({ tracerProvider }));
    const counts: unknown[] = [];
    await db.transaction(async (tx) => {
      const added = box.add(tx, 'orders', 1);
      const counted = tx.query('select count(*) as n from polymq_outbox');
      await added;
      counts.push((await counted).rows[0]!['n']);
    });
    expect(counts).toEqual([1]);
  });
});

import { beforeEach, describe, expect, it } from 'vitest';
import type { Client } from '../../client/client.ts';
import { createClient } from '../../client/create-client.ts';
import { MemoryDriver } from '../../driver/testing/memory-driver.ts';
import type { Queue } from '../../queue/queue.ts';
import { type Alert, monitor } from './monitor.ts';

let driver: MemoryDriver;
let mq: Client;
let orders: Queue<string>;
let alerts: Alert[];
const collect = (alert: Alert): void => void alerts.push(alert);

beforeEach(async () => {
  driver = new MemoryDriver();
  mq = createClient(driver);
  orders = mq.queue('orders', { retry: false });
  await orders.ready();
  alerts = [];
});

describe('a monitor', () => {
  it('fires once when a limit is passed, and tells when it is over', async () => {
    const watch = monitor(orders, { depth: 1 }, collect, { clock: mq.clock });
    await orders.send('a');
    await watch.look();
    await orders.send('b');
    await watch.look();
    await watch.look();
    await (await orders.receive())?.ack();
    await watch.look();
    await watch.close();
    expect(alerts.map(({ kind, state, value, limit }) => ({ kind, state, value, limit }))).toEqual([
      { kind: 'depth', state: 'firing', value: 2, limit: 1 },
      { kind: 'depth', state: 'resolved', value: 1, limit: 1 },
    ]);
    expect(alerts[0]?.text).toBe('orders: depth is 2, limit 1, for 0 s');
    await mq.close();
  });

  it('waits as long as it was told to, and forgets what was only a moment', async () => {
    const watch = monitor(orders, { depth: 0 }, collect, { clock: mq.clock, lasting: '1m' });
    await orders.send('a');
    await watch.look();
    await driver.clock.advance(30_000);
    await (await orders.receive())?.ack();
    await watch.look();
    await orders.send('b');
    await watch.look();
    await driver.clock.advance(59_999);
    await watch.look();
    expect(alerts).toEqual([]);
    await driver.clock.advance(1);
    await watch.look();
    expect(alerts).toMatchObject([{ state: 'firing', kind: 'depth' }]);
    await watch.close();
    await mq.close();
  });

  it('knows how old the oldest message is, and what died', async () => {
    const watch = monitor(orders, { age: '10s', deadLetters: 0 }, collect, { clock: mq.clock });
    await orders.send('a');
    await driver.clock.advance(10_001);
    await watch.look();
    expect(alerts).toMatchObject([{ kind: 'age', value: 10_001, limit: 10_000 }]);
    await (await orders.receive())?.reject('bad');
    await watch.look();
    expect(alerts.slice(1)).toMatchObject([{ kind: 'deadLetters', state: 'firing', value: 1 }]);
    await watch.close();
    await mq.close();
  });

  it('counts the attempts of this process, and forgets them after the window', async () => {
    const watch = monitor(orders, { errorRate: 0.5 }, collect, { clock: mq.clock, window: '1m' });
    for (const data of ['a', 'b', 'c']) await orders.send(data);
    await (await orders.receive())?.ack();
    await (await orders.receive())?.reject('bad');
    expect(await watch.look()).toMatchObject({ errorRate: 0.5 });
    await (await orders.receive())?.reject('bad');
    await watch.look();
    expect(alerts).toMatchObject([{ kind: 'errorRate', state: 'firing' }]);
    await driver.clock.advance(120_000);
    expect(await watch.look()).toMatchObject({ errorRate: 0, rate: 0 });
    expect(alerts.at(-1)).toMatchObject({ kind: 'errorRate', state: 'resolved' });
    await watch.close();
    await mq.close();
  });

  it('looks by itself, and goes on when the engine cannot be asked', async () => {
    const errors: unknown[] = [];
    let samples = 0;
    const watch = monitor(orders, {}, collect, {
      clock: mq.clock,
      interval: '10s',
      onSample: () => {
        samples += 1;
      },
      onError: (error) => errors.push(error),
    });
    await driver.clock.advance(0);
    expect({ samples, errors: errors.length }).toEqual({ samples: 1, errors: 0 });
    const { queueStats } = driver;
    driver.queueStats = () => Promise.reject(new Error('away'));
    await driver.clock.advance('10s');
    expect({ samples, errors: errors.length }).toEqual({ samples: 1, errors: 1 });
    driver.queueStats = queueStats;
    await driver.clock.advance('10s');
    expect(samples).toBe(2);
    await watch.close();
    await driver.clock.advance('10s');
    expect(samples).toBe(2);
    await mq.close();
  });

  it('counts the attempts of a group apart from groups of that name on other topics', async () => {
    const groups = ['placed', 'paid'].map((topic) =>
      mq.topic(topic).group('billing', { retry: false }),
    );
    const watches = groups.map((group) => monitor(group, {}, collect, { clock: mq.clock }));
    const [first, second] = groups.map((group, index) =>
      group.consume(() => {
        if (index === 1) throw new Error('no');
      }),
    );
    for (const topic of ['placed', 'paid']) await mq.topic(topic).publish({});
    const errorRates = () =>
      Promise.all(watches.map(async (watch) => (await watch.look()).errorRate));
    await expect.poll(errorRates).toEqual([0, 1]);
    for (const each of [first!, second!, ...watches]) await each.close();
    await mq.close();
  });

  it('warns when nobody else is told that the engine cannot be asked', async () => {
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    driver.queueStats = () => Promise.reject(new Error('the engine is away'));
    const watch = monitor(orders, {}, collect, { clock: mq.clock });
    expect((await warned).message).toBe('the engine is away');
    await watch.close();
    await mq.close();
  });

  it('tells what an alert throws, and raises the others', async () => {
    const errors: unknown[] = [];
    await orders.send('a');
    await driver.clock.advance(10);
    const broken = new Error('the pager is broken');
    const watch = monitor(
      orders,
      { depth: 0, age: 1 },
      (alert) => {
        alerts.push(alert);
        throw broken;
      },
      { clock: mq.clock, onError: (error) => errors.push(error) },
    );
    expect(await watch.look()).toMatchObject({ depth: 1 });
    expect(alerts.map(({ kind }) => kind)).toEqual(['depth', 'age']);
    expect(errors).toEqual([broken, broken]);
    await watch.close();
    await mq.close();
  });
});

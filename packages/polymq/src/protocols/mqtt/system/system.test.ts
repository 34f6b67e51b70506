import { describe, expect, it } from 'vitest';
import { openExchangeKit } from '../../../core/exchange/testing/kit.ts';
import type { MessageDraft } from '../../../core/message/message-draft.ts';
import { MessageFormats } from '../../../core/message/message-formats.ts';
import { SimulatedClock } from '../../../lib/environment/simulated/simulated-clock.ts';
import { mqttFormat } from '../message-format.ts';
import { routingKeyOf } from '../topics.ts';
import { System } from './system.ts';
import type { SystemFigures } from './system-topics.ts';

async function open(figures: SystemFigures, intervalMs = 10_000) {
  const clock = new SimulatedClock();
  const { exchanges, publisher, exchange } = await openExchangeKit();
  if (exchanges.get('', 'mqtt.system') === undefined) await exchange('mqtt.system', 'topic');
  const system = new System({
    ...{ exchanges, publisher, clock, timers: clock, intervalMs },
    formats: new MessageFormats([mqttFormat]),
    version: '1.2.3',
    figures: () => figures,
    retainedCount: () => 42,
  });
  const live: string[] = [];
  const receiver = {
    receive: (draft: MessageDraft) => {
      const { names, namesEnd, content, contentEnd, more } = draft;
      const key = names.toString('utf8', 2 + names[0]!, namesEnd);
      live.push(`${key} ${Buffer.concat([content.subarray(1, contentEnd), ...more])}`);
      return 1;
    },
  };
  const subscribe = (filter: string): void =>
    exchanges.subscribe('', receiver, 'c').bind('mqtt.system', routingKeyOf(filter), 0);
  return { system, clock, live, subscribe };
}

function shown(system: System, filter: string): string[] {
  const found: string[] = [];
  const rest = system.visit(routingKeyOf(filter), (view, expiryS) => {
    expect(expiryS).toBe(-1);
    expect(view.exchange).toBe('mqtt.system');
    found.push(`${view.routingKey} ${view.body}`);
    return true;
  });
  expect(rest).toBeUndefined();
  return found;
}

describe('what the broker says of itself', () => {
  it('is shown to who subscribes, as far as it is counted', async () => {
    const { system } = await open({ clientsConnected: 3, clientsDisconnected: 2 });
    expect(shown(system, '$SYS/broker/version')).toEqual([
      '$SYS.broker.version PolyMQ version 1.2.3',
    ]);
    expect(shown(system, '$SYS/broker/clients/+').sort()).toEqual([
      '$SYS.broker.clients.active 3',
      '$SYS.broker.clients.connected 3',
      '$SYS.broker.clients.disconnected 2',
      '$SYS.broker.clients.inactive 2',
      '$SYS.broker.clients.maximum 3',
      '$SYS.broker.clients.total 5',
    ]);
    expect(shown(system, '$SYS/+/retained messages/count')).toEqual([
      '$SYS.broker.retained messages.count 42',
    ]);
    expect(shown(system, '$SYS/broker/bytes/#')).toEqual([]);
    expect(shown(system, '$SYS/#').length).toBe(9);
  });

  it('is published to who is subscribed, when it has changed', async () => {
    const figures = { clientsConnected: 3 };
    const { clock, live, subscribe, system } = await open(figures);
    subscribe('$SYS/broker/clients/connected');
    subscribe('$SYS/broker/uptime');
    clock.advance(9_999);
    expect(live).toEqual([]);
    clock.advance(1);
    expect(live.sort()).toEqual([
      '$SYS.broker.clients.connected 3',
      '$SYS.broker.uptime 10 seconds',
    ]);
    clock.advance(10_000);
    expect(live.length).toBe(3);
    figures.clientsConnected = 1;
    // Who subscribes sees what was published last, so that what changes back is not missed.
    expect(shown(system, '$SYS/broker/clients/connected')).toEqual([
      '$SYS.broker.clients.connected 3',
    ]);
    clock.advance(10_000);
    expect(live).toContain('$SYS.broker.clients.connected 1');
    expect(shown(system, '$SYS/broker/clients/maximum')).toEqual(['$SYS.broker.clients.maximum 3']);
    system.close();
    clock.advance(100_000);
    expect(live.length).toBe(5);
  });

  it('averages loads over minutes', async () => {
    const figures = { bytesReceived: 0, bytesSent: 0 };
    const { clock, system } = await open(figures);
    const load = (): string => shown(system, '$SYS/broker/load/bytes/received/1min')[0]!;
    for (let look = 0; look < 100; look++) {
      figures.bytesReceived += 1000;
      clock.advance(10_000);
    }
    expect(load()).toBe('$SYS.broker.load.bytes.received.1min 6000.00');
    clock.advance(60_000);
    expect(load()).toBe(`$SYS.broker.load.bytes.received.1min ${(6000 / Math.E).toFixed(2)}`);
    expect(shown(system, '$SYS/broker/load/bytes/sent/#')).toEqual(
      ['1min', '5min', '15min'].map((name) => `$SYS.broker.load.bytes.sent.${name} 0.00`),
    );
  });

  it('is shown at the pace of the reader, until he has enough', async () => {
    const { system } = await open({});
    const keys: string[] = [];
    await system.visit('$SYS.#', async (view) => keys.push(view.routingKey) < 2);
    expect(keys.length).toBe(2);
    expect(system.visit('$SYS.#', (view) => keys.push(view.routingKey) < 3)).toBeUndefined();
    expect(keys.length).toBe(3);
  });

  it('is nothing if no interval is set', async () => {
    const { system, live, subscribe, clock } = await open({ clientsConnected: 1 }, 0);
    subscribe('$SYS/#');
    clock.advance(100_000);
    expect(live).toEqual([]);
    expect(shown(system, '$SYS/#')).toEqual([]);
  });
});

/** mqtt.js in all versions of MQTT, over TCP and WebSocket: what every one of them has. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  type ConnectOptions,
  connect,
  endClientsAfterEach,
  settle,
  type TestClient,
} from './mqtt-client.ts';
import {
  lacksIt,
  MQTT_PEER_IS_POLYMQ,
  MQTT_PEER_KIND,
  type MqttPeer,
  startMqttPeer,
} from './mqtt-peer.ts';
import { eventually, uniqueName } from './peer.ts';

// What is missing shows soon, and much here is asked six times.
vi.setConfig({ testTimeout: 20_000 });

let peer: MqttPeer;

beforeAll(async () => {
  peer = await startMqttPeer();
});
afterAll(() => peer?.stop());
endClientsAfterEach();

const QOS = [0, 1, 2] as const;
/** Nothing but bytes that are no text, and long enough to come in pieces. */
const BYTES = Buffer.alloc(100_000, Buffer.from([0, 0xff, 0x80, 0xc3]));

const variants: [string, Pick<ConnectOptions, 'protocolVersion' | 'webSocket'>][] = [
  ['3.1', { protocolVersion: 3 }],
  ['3.1.1', { protocolVersion: 4 }],
  ['5.0', { protocolVersion: 5 }],
  ...(MQTT_PEER_KIND === 'address'
    ? []
    : ([
        ['3.1 over WebSocket', { protocolVersion: 3, webSocket: true }],
        ['3.1.1 over WebSocket', { protocolVersion: 4, webSocket: true }],
        ['5.0 over WebSocket', { protocolVersion: 5, webSocket: true }],
      ] as [string, ConnectOptions][])),
];

describe.each(variants)('MQTT %s', (_name, variant) => {
  const start = (options: ConnectOptions = {}): Promise<TestClient> =>
    connect(peer, { ...variant, ...options });
  /** A session that stays: 5.0 has to say how long. */
  const staying = (clientId: string): ConnectOptions => ({
    clientId,
    clean: false,
    ...(variant.protocolVersion === 5 ? { properties: { sessionExpiryInterval: 100 } } : {}),
  });

  test('a message comes with the lower QoS of publisher and subscriber, as it was sent', async () => {
    const topic = uniqueName('qos');
    const publisher = await start();
    for (const subscribed of QOS) {
      const subscriber = await start();
      await subscriber.subscribe(topic, { qos: subscribed });
      for (const published of QOS) await publisher.publish(topic, BYTES, { qos: published });
      const got = await subscriber.messages(3);
      // In order within a QoS: handshakes of 2 may be overtaken.
      const levels = got.map(({ qos }) => qos).sort();
      expect(levels).toEqual(QOS.map((qos) => Math.min(qos, subscribed)));
      for (const { payload, retain, dup } of got) {
        expect(payload.equals(BYTES)).toBe(true);
        expect([retain, dup]).toEqual([false, false]);
      }
      await subscriber.end();
    }
  });

  test.each(QOS)('hundreds of messages of QoS %i come once and in order', async (qos) => {
    const topic = uniqueName('order');
    const [publisher, subscriber] = [await start(), await start()];
    await subscriber.subscribe(topic, { qos });
    const texts = Array.from({ length: 500 }, (_, index) => String(index));
    await Promise.all(texts.map((text) => publisher.publish(topic, text, { qos })));
    await subscriber.messages(500);
    expect(subscriber.texts()).toEqual(texts);
  });

  test('filters choose, until they are taken back', async () => {
    const base = uniqueName('filter');
    const client = await start();
    const levels = ['a', 'a/b', 'a/b/c', 'x/b', 'a/', '/'];
    const wanted: Record<string, string[]> = {
      a: ['a'],
      '+': ['a'],
      'a/+': ['a/b', 'a/'],
      'a/#': ['a', 'a/b', 'a/b/c', 'a/'],
      '+/b': ['a/b', 'x/b'],
      '+/+': ['a/b', 'x/b', 'a/', '/'],
      '#': levels,
      '+/b/#': ['a/b', 'a/b/c', 'x/b'],
    };
    for (const [filter, expected] of Object.entries(wanted)) {
      await client.subscribe(`${base}/${filter}`, { qos: 1 });
      for (const level of levels) await client.publish(`${base}/${level}`, level, { qos: 1 });
      await client.messages(expected.length);
      expect(
        client.take().map(({ text }) => text),
        filter,
      ).toEqual(expected);
      await client.client.unsubscribeAsync(`${base}/${filter}`);
    }
    for (const level of levels) await client.publish(`${base}/${level}`, level, { qos: 1 });
    await settle(100);
    expect(client.texts()).toEqual([]);
  });

  test('characters that routing keys use for something else are part of a topic', async () => {
    const topic = `${uniqueName('odd')}/a.b/*/ü #`.replace(' #', '');
    const client = await start();
    await client.subscribe(topic, { qos: 0 });
    await client.subscribe(topic.replace('*', '+'), { qos: 0 });
    await client.publish(topic.replace('*', 'other'), 'plus', { qos: 1 });
    await client.publish(topic.replace('a.b', 'a/b'), 'none', { qos: 1 });
    await client.messages(1);
    expect(client.take()).toMatchObject([{ text: 'plus', topic: topic.replace('*', 'other') }]);
    await client.publish(topic, 'exact', { qos: 1 });
    await settle(100);
    expect(client.got[0]).toMatchObject({ text: 'exact', topic });
  });

  test('a retained message is for those who come later, until it is replaced or removed', async () => {
    const topic = `${uniqueName('retained')}/x`;
    const [publisher, early] = [await start(), await start()];
    await early.subscribe(topic, { qos: 2 });
    await publisher.publish(topic, 'old', { qos: 1, retain: true });
    await publisher.publish(topic, 'new', { qos: 2, retain: true });
    await publisher.publish(topic, 'passing', { qos: 1 });
    await early.messages(3);
    expect(early.got.map(({ retain }) => retain)).toEqual([false, false, false]);
    const late = await start();
    await late.subscribe(topic.replace(/x$/, '+'), { qos: 1 });
    expect(await late.messages(1)).toMatchObject([{ text: 'new', retain: true, qos: 1, topic }]);
    await publisher.publish(topic, '', { qos: 1, retain: true });
    await early.messages(4);
    const last = await start();
    await last.subscribe(topic, { qos: 1 });
    await settle(100);
    expect(last.got).toEqual([]);
  });

  test('subscribing again sends what is retained again', async () => {
    const topic = uniqueName('again');
    const client = await start();
    await client.publish(topic, 'kept', { qos: 1, retain: true });
    for (let round = 0; round < 2; round++) {
      await client.subscribe(topic, { qos: 1 });
      expect(await client.messages(1)).toMatchObject([{ text: 'kept', retain: true }]);
      client.take();
    }
    await client.publish(topic, '', { retain: true });
  });

  test('a will is published when its client is gone without a word', async () => {
    const topic = uniqueName('will');
    const watcher = await start();
    await watcher.subscribe(topic, { qos: 2 });
    const will = { topic, payload: Buffer.from('gone'), qos: 1 as const, retain: true };
    const polite = await start({ will: { ...will, payload: Buffer.from('polite') } });
    await polite.end();
    const rude = await start({ will });
    await rude.cut();
    expect(await watcher.messages(1)).toMatchObject([{ text: 'gone', qos: 1, retain: false }]);
    const late = await start();
    await late.subscribe(topic, { qos: 0 });
    expect(await late.messages(1)).toMatchObject([{ text: 'gone', retain: true }]);
    await late.publish(topic, '', { qos: 1, retain: true });
  });

  test('a session that stays collects what its client misses, from QoS 1', async () => {
    const [clientId, topic] = [uniqueName('stays'), uniqueName('missed')];
    const first = await start(staying(clientId));
    expect(first.sessionPresent).toBe(false);
    await first.subscribe(topic, { qos: 2 });
    await first.end();
    const publisher = await start();
    for (const qos of [1, 2, 1] as const) await publisher.publish(topic, `q${qos}`, { qos });
    const second = await start(staying(clientId));
    expect(second.sessionPresent).toBe(variant.protocolVersion !== 3);
    await second.messages(3);
    // mqtt.js shows a message of QoS 2 when its handshake is over.
    const order = second.got.map(({ text, qos }) => `${text} ${qos}`).sort();
    expect(order).toEqual(['q1 1', 'q1 1', 'q2 2']);
    await publisher.publish(topic, 'here', { qos: 1 });
    await second.messages(4);
    await second.end();
    const clean = await start({ clientId, clean: true });
    expect(clean.sessionPresent).toBe(false);
    await publisher.publish(topic, 'nobody', { qos: 1 });
    await settle(100);
    expect(clean.got).toEqual([]);
  });

  test('a client that comes again under its name ends its other connection', async () => {
    const clientId = uniqueName('twice');
    const [one, two] = [await start({ clientId }), await start({ clientId })];
    await eventually('the first is cut', () => (one.closes > 0 ? true : undefined));
    const isTold = variant.protocolVersion === 5 && MQTT_PEER_IS_POLYMQ;
    if (isTold) expect(one.disconnects).toEqual([0x8e]);
    await two.subscribe(clientId, { qos: 1 });
    await two.publish(clientId, 'alive', { qos: 1 });
    await two.messages(1);
  });

  // mosquitto's WebSocket takes minutes for it.
  const isSlow = lacksIt('mosquitto') && variant.webSocket === true;
  test.skipIf(isSlow)('a large message comes through', async () => {
    const topic = uniqueName('large');
    const client = await start();
    await client.subscribe(topic, { qos: 1 });
    const payload = Buffer.alloc(5_000_000, 'large');
    await client.publish(topic, payload, { qos: 1 });
    expect((await client.messages(1))[0]!.payload.equals(payload)).toBe(true);
  });

  // mosquitto 2.0.11 sends a message of overlapping filters with the QoS of the first that it finds.
  test.skipIf(lacksIt('mosquitto'))(
    'a message that several filters want comes once, with the highest QoS',
    async () => {
      const topic = `${uniqueName('overlap')}/x`;
      const client = await start();
      await client.subscribe(topic, { qos: 0 });
      await client.subscribe(topic.replace(/x$/, '+'), { qos: 2 });
      await client.subscribe(topic.replace(/x$/, '#'), { qos: 1 });
      await client.publish(topic, 'once', { qos: 2 });
      await settle();
      expect(await client.messages(1)).toMatchObject([{ qos: 2, text: 'once' }]);
    },
  );

  test('no wildcard finds a topic with $, and nobody can write to $SYS', async () => {
    const client = await start();
    await client.subscribe('#', { qos: 0 });
    await client.subscribe('+/x', { qos: 0 });
    await settle(100);
    client.take();
    // mosquitto says nothing to it; MQTT 5 has a reason code.
    if (variant.protocolVersion !== 5 && MQTT_PEER_IS_POLYMQ) {
      await client.publish('$SYS/x', 'no', { qos: 1 });
    }
    await client.publish(uniqueName('yes'), 'yes', { qos: 1 });
    await client.messages(1);
    expect(client.texts()).toEqual(['yes']);
  });

  test('the broker tells about itself below $SYS', async () => {
    const client = await start();
    await client.subscribe('$SYS/broker/#', { qos: 0 });
    await eventually('there are some', () => (client.got.length > 5 ? true : undefined));
    const version = client.got.find(({ topic }) => topic === '$SYS/broker/version');
    expect(version?.text).toMatch(MQTT_PEER_IS_POLYMQ ? /polymq/i : /mosquitto/);
    expect(version?.retain).toBe(true);
  });
});

test('versions meet: what one sends, the others get', async () => {
  const topic = uniqueName('meet');
  const all = await Promise.all(
    ([3, 4, 5] as const).map((protocolVersion) => connect(peer, { protocolVersion })),
  );
  for (const client of all) await client.subscribe(topic, { qos: 2 });
  for (const [index, client] of all.entries()) await client.publish(topic, `${index}`, { qos: 2 });
  for (const client of all) {
    await client.messages(3);
    expect(client.texts()).toEqual(['0', '1', '2']);
  }
});

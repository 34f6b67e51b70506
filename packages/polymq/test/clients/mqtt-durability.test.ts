/** What MQTT clients find after the broker was killed, or has restarted. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Packet } from '../support/mqtt-wire.ts';
import {
  type ConnectOptions,
  connect,
  connectWire,
  endClientsAfterEach,
  settle,
  type TestClient,
} from './mqtt-client.ts';
import { MQTT_PEER_IS_POLYMQ, type MqttPeer, startMqttPeer } from './mqtt-peer.ts';
import { eventually, uniqueName } from './peer.ts';

vi.setConfig({ testTimeout: 60_000 });

let peer: MqttPeer;

beforeAll(async () => {
  peer = await startMqttPeer();
});
afterAll(() => peer?.stop());
endClientsAfterEach();

const versions = [
  ['3.1.1', 4],
  ['5.0', 5],
] as const;

// mosquitto keeps its sessions in memory, and saves them now and then.
describe.skipIf(!MQTT_PEER_IS_POLYMQ).each(versions)('MQTT %s', (_name, protocolVersion) => {
  /** A session that stays, of a client that comes back by itself. */
  const staying = (clientId: string): ConnectOptions => ({
    protocolVersion,
    clientId,
    clean: false,
    reconnectPeriod: 100,
    ...(protocolVersion === 5 ? { properties: { sessionExpiryInterval: 600 } } : {}),
  });

  async function publishMany(
    publisher: TestClient,
    topic: string,
    texts: readonly string[],
    qos: 1 | 2,
  ): Promise<void> {
    await Promise.all(texts.map((text) => publisher.publish(topic, text, { qos })));
  }

  const numbers = (start: number, end: number) =>
    Array.from({ length: end - start }, (_, index) => String(start + index));

  test('what was acknowledged is there after kill -9, with subscriptions and session', async () => {
    const [clientId, topic] = [uniqueName('sleeps'), uniqueName('t')];
    const sleeper = await connect(peer, { ...staying(clientId), reconnectPeriod: 0 });
    await sleeper.subscribe(topic, { qos: 2 });
    await sleeper.end();
    const publisher = await connect(peer, { protocolVersion });
    await publishMany(publisher, topic, numbers(0, 50), 1);
    await publishMany(publisher, topic, numbers(50, 100), 2);
    await peer.crashAndRestart();
    const awake = await connect(peer, staying(clientId));
    expect(awake.sessionPresent).toBe(true);
    await awake.messages(100);
    expect(awake.texts().sort()).toEqual(numbers(0, 100).sort());
    const again = await connect(peer, { protocolVersion });
    await again.publish(topic, 'after', { qos: 1 });
    await awake.messages(101);
  });

  test('what is retained is there after kill -9 and after a restart, and what was removed is not', async () => {
    const topic = uniqueName('retained');
    const publisher = await connect(peer, { protocolVersion });
    await publisher.publish(`${topic}/a`, 'old', { qos: 1, retain: true });
    await publisher.publish(`${topic}/a`, 'kept', { qos: 2, retain: true });
    await publisher.publish(`${topic}/b`, 'removed', { qos: 1, retain: true });
    await publisher.publish(`${topic}/b`, '', { qos: 1, retain: true });
    for (const again of [() => peer.crashAndRestart(), () => peer.restart()]) {
      await again();
      const client = await connect(peer, { protocolVersion });
      await client.subscribe(`${topic}/#`, { qos: 2 });
      await eventually('it comes', () => (client.got.length > 0 ? true : undefined));
      await settle(200);
      expect(client.got).toMatchObject([{ text: 'kept', retain: true, qos: 2 }]);
    }
  });

  test('QoS 1: nothing acknowledged is lost while the broker is killed again and again', async () => {
    const [clientId, topic] = [uniqueName('reader'), uniqueName('t')];
    const reader = await connect(peer, staying(clientId));
    await reader.subscribe(topic, { qos: 1 });
    const publisher = await connect(peer, staying(uniqueName('writer')));
    const acknowledged: string[] = [];
    let sent = 0;
    for (let round = 0; round < 3; round++) {
      const killAt = sent + 150;
      const sending = Array.from({ length: 300 }, async () => {
        const text = String(sent++);
        await publisher.publish(topic, text, { qos: 1 });
        acknowledged.push(text);
      });
      await eventually('some are sent', () =>
        acknowledged.length >= killAt - 100 ? true : undefined,
      );
      await peer.crashAndRestart();
      await Promise.all(sending);
    }
    const missing = () => {
      const got = new Set(reader.texts());
      return acknowledged.filter((text) => !got.has(text));
    };
    await eventually('all are there', () => (missing().length === 0 ? true : undefined));
    expect(acknowledged).toHaveLength(900);
  });

  test('QoS 2: nothing is lost and nothing comes twice while the broker is killed again and again', async () => {
    const [clientId, topic] = [uniqueName('reader'), uniqueName('t')];
    const reader = await connect(peer, staying(clientId));
    await reader.subscribe(topic, { qos: 2 });
    const publisher = await connect(peer, staying(uniqueName('writer')));
    let sent = 0;
    let done = 0;
    for (let round = 0; round < 4; round++) {
      const killAt = done + 40 + 40 * round;
      const sending = Array.from({ length: 200 }, async () => {
        await publisher.publish(topic, String(sent++), { qos: 2 });
        done += 1;
      });
      await eventually('some are done', () => (done >= Math.min(killAt, sent) ? true : undefined));
      await peer.crashAndRestart();
      await Promise.all(sending);
    }
    await eventually('all are there', () => (reader.got.length >= 800 ? true : undefined));
    await settle(500);
    expect(reader.texts().sort()).toEqual(numbers(0, 800).sort());
  });

  test('a reader that is killed in between gets the rest, in order', async () => {
    const [clientId, topic] = [uniqueName('torn'), uniqueName('t')];
    const ids: number[] = [];
    const onPacket = ({ cmd, messageId }: Packet) => {
      if (cmd === 'publish') ids.push(messageId!);
    };
    const first = await connectWire(peer, {
      clientId,
      clean: false,
      version: protocolVersion,
      onPacket,
    });
    await first.subscribe([{ topic, qos: 1 }]);
    const publisher = await connect(peer, { protocolVersion });
    await publishMany(publisher, topic, numbers(0, 500), 1);
    await eventually('all are there', () => (ids.length === 500 ? true : undefined));
    for (const messageId of ids.slice(0, 200)) {
      first.send({ cmd: 'puback', messageId, reasonCode: 0 });
    }
    await publisher.publish(topic, '500', { qos: 1 });
    await peer.crashAndRestart();
    const second = await connect(peer, staying(clientId));
    const last = () => (second.texts().at(-1) === '500' ? true : undefined);
    await eventually('the last is there', last);
    const texts = second.texts();
    expect(texts).toEqual(numbers(501 - texts.length, 501));
    expect(texts.length).toBeGreaterThanOrEqual(301);
    // All but the last had been sent before.
    expect(second.got.filter(({ dup }) => !dup).length).toBeLessThanOrEqual(1);
  });

  test('a will of a session that stays is published after the broker is back', async () => {
    const topic = uniqueName('will');
    const watcher = await connect(peer, staying(uniqueName('watcher')));
    await watcher.subscribe(topic, { qos: 1 });
    const mortal = await connect(peer, {
      ...staying(uniqueName('mortal')),
      reconnectPeriod: 0,
      will: { topic, payload: Buffer.from('gone'), qos: 1 },
    });
    await mortal.publish(topic, 'alive', { qos: 1 });
    await peer.crashAndRestart();
    await eventually('it is published', () =>
      watcher.texts().includes('gone') ? true : undefined,
    );
    // What was acknowledged just before may come again.
    expect([...new Set(watcher.texts())]).toEqual(['alive', 'gone']);
  });

  test('a session over a clean restart is the same', async () => {
    const [clientId, topic] = [uniqueName('clean'), uniqueName('t')];
    const reader = await connect(peer, staying(clientId));
    await reader.subscribe(topic, { qos: 1 });
    const publisher = await connect(peer, staying(uniqueName('writer')));
    await publisher.publish(topic, 'before', { qos: 1 });
    await peer.restart();
    await publisher.publish(topic, 'after', { qos: 1 });
    await eventually('both are there', () => (reader.texts().includes('after') ? true : undefined));
    expect([...new Set(reader.texts())]).toEqual(['before', 'after']);
    expect(reader.sessionPresent).toBe(true);
  });
});

// A file without a test is a failure.
test.skipIf(MQTT_PEER_IS_POLYMQ)('only PolyMQ is killed', () => undefined);

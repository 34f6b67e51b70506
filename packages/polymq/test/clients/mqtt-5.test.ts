/** What MQTT 5 has beyond 3.1.1, with mqtt.js, and with bare packets where a client library would hide it. */
import { generate } from 'mqtt-packet';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type MqttWire, type Packet, publishPacket } from '../support/mqtt-wire.ts';
import {
  type ConnectOptions,
  connect as connectAny,
  connectWire,
  endClientsAfterEach,
  exchange,
  settle,
  type TestClient,
} from './mqtt-client.ts';
import { lacksIt, MQTT_PEER_IS_POLYMQ, type MqttPeer, startMqttPeer } from './mqtt-peer.ts';
import { eventually, uniqueName } from './peer.ts';

vi.setConfig({ testTimeout: 20_000 });

let peer: MqttPeer;

beforeAll(async () => {
  peer = await startMqttPeer();
});
afterAll(() => peer?.stop());
endClientsAfterEach();

const connect = (options: ConnectOptions = {}): Promise<TestClient> =>
  connectAny(peer, { protocolVersion: 5, ...options });

/** Bare packets, and all that comes. */
async function openWire(options = {}): Promise<{ wire: MqttWire; packets: Packet[] }> {
  const packets: Packet[] = [];
  const onPacket = (packet: Packet) => packets.push(packet);
  return { wire: await connectWire(peer, { onPacket, ...options }), packets };
}

async function untilCount(packets: readonly Packet[], count: number): Promise<void> {
  await eventually(`there are ${count} packets`, () =>
    packets.length >= count ? true : undefined,
  );
}

describe('properties of a message', () => {
  test('come to subscribers as they were sent, in order and with repetitions', async () => {
    const topic = uniqueName('properties');
    const { wire, packets } = await openWire();
    await wire.subscribe([{ topic, qos: 2 }]);
    const { wire: sender } = await openWire();
    sender.onPacket = ({ cmd, messageId }) => {
      if (cmd === 'pubrec') sender.send({ cmd: 'pubrel', messageId: messageId!, reasonCode: 0 });
    };
    const properties = {
      payloadFormatIndicator: true,
      contentType: 'text/plain; charset=utf-8',
      responseTopic: 'replies/1',
      correlationData: Buffer.from([0, 1, 0xff]),
      userProperties: {
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        again: ['1', '2', '1'],
        ü: 'ß',
      },
    };
    for (const qos of [0, 1, 2] as const) {
      sender.send(publishPacket({ topic, payload: 'x', qos, messageId: 5 + qos, properties }));
    }
    await untilCount(packets, 3);
    for (const packet of packets) {
      expect(JSON.parse(JSON.stringify(packet))).toMatchObject({
        properties: JSON.parse(JSON.stringify(properties)) as object,
      });
    }
  });

  test('are kept with what is retained, with wills and with what waits', async () => {
    const [clientId, topic] = [uniqueName('waits'), `${uniqueName('kept')}/x`];
    const session = { clientId, clean: false, properties: { sessionExpiryInterval: 60 } };
    const properties = { contentType: 'a/b', userProperties: { k: 'v' } };
    const sleeper = await connect(session);
    await sleeper.subscribe(topic.replace(/x$/, '#'), { qos: 1 });
    await sleeper.end();
    const client = await connect({
      will: {
        topic: topic.replace(/x$/, 'will'),
        payload: Buffer.from('will'),
        qos: 1,
        properties,
      },
    });
    await client.publish(topic, 'kept', { qos: 1, retain: true, properties });
    await client.cut();
    await settle(100);
    const late = await connect();
    await late.subscribe(topic, { qos: 1 });
    const awake = await connect(session);
    const all = [...(await late.messages(1)), ...(await awake.messages(2))];
    for (const message of all) expect(message.properties).toMatchObject(properties);
    expect(awake.texts()).toEqual(['kept', 'will']);
    await late.publish(topic, '', { retain: true });
  });

  test('carry a question to who answers, and the answer back', async () => {
    const [asker, answerer] = [await connect(), await connect()];
    const [questions, answers] = [uniqueName('questions'), uniqueName('answers')];
    await answerer.subscribe(questions, { qos: 1 });
    await asker.subscribe(answers, { qos: 1 });
    const correlationData = Buffer.from('17');
    await asker.publish(questions, '6 * 7', {
      qos: 1,
      properties: { responseTopic: answers, correlationData },
    });
    const [question] = await answerer.messages(1);
    await answerer.publish(question!.properties.responseTopic!, '42', {
      qos: 1,
      properties: { correlationData: question!.properties.correlationData! },
    });
    const [answer] = await asker.messages(1);
    expect(answer).toMatchObject({ text: '42', properties: { correlationData } });
  });

  test('say when a message is too old, and how long it has left', async () => {
    const [clientId, topic] = [uniqueName('expires'), uniqueName('expiry')];
    const session = { clientId, clean: false, properties: { sessionExpiryInterval: 60 } };
    const sleeper = await connect(session);
    await sleeper.subscribe(topic, { qos: 1 });
    await sleeper.end();
    const publisher = await connect();
    const send = (text: string, messageExpiryInterval: number) =>
      publisher.publish(topic, text, { qos: 1, properties: { messageExpiryInterval } });
    await send('short', 1);
    await send('long', 50);
    await publisher.publish(topic, 'for ever', { qos: 1 });
    await settle(2200);
    const awake = await connect(session);
    await awake.messages(2);
    expect(awake.texts()).toEqual(['long', 'for ever']);
    const left = awake.got.map(({ properties }) => properties.messageExpiryInterval);
    expect(left[0]).toBeGreaterThanOrEqual(45);
    expect(left[0]).toBeLessThanOrEqual(48);
    expect(left[1]).toBeUndefined();
  });
});

describe('subscriptions', () => {
  test('have identifiers, all of which come with a message that several want', async () => {
    const base = uniqueName('ids');
    const client = await connect();
    const subscribe = (filter: string, subscriptionIdentifier: number) =>
      client.subscribe(`${base}/${filter}`, { qos: 1, properties: { subscriptionIdentifier } });
    await subscribe('a', 1);
    await subscribe('#', 268_435_455);
    await client.subscribe(`${base}/+`, { qos: 1 });
    await client.publish(`${base}/a`, 'both', { qos: 1 });
    await client.publish(`${base}/b`, 'one', { qos: 1 });
    await subscribe('#', 7);
    await client.publish(`${base}/b`, 'changed', { qos: 1 });
    if (lacksIt('mosquitto')) return;
    await client.messages(3);
    const ids = client.got.map(({ properties }) => [properties.subscriptionIdentifier].flat());
    expect(ids.map((list) => list.sort())).toEqual([[1, 268_435_455], [268_435_455], [7]]);
  });

  test('may leave out what the client sends itself', async () => {
    const topic = uniqueName('local');
    const [one, two] = [await connect(), await connect()];
    await one.subscribe(topic, { qos: 1, nl: true });
    await two.subscribe(topic, { qos: 1 });
    await one.publish(topic, 'of one', { qos: 1 });
    await two.publish(topic, 'of two', { qos: 1 });
    await two.messages(2);
    await one.messages(1);
    expect(one.texts()).toEqual(['of two']);
  });

  test('of sessions that stay leave out what the client sends itself as well', async () => {
    const topic = uniqueName('local');
    const properties = { sessionExpiryInterval: 60 };
    const clientId = uniqueName('own');
    const one = await connect({ clientId, clean: false, properties });
    const two = await connect();
    await one.subscribe(topic, { qos: 1, nl: true });
    await one.publish(topic, 'of one', { qos: 1 });
    await two.publish(topic, 'of two', { qos: 1 });
    await one.messages(1);
    expect(one.texts()).toEqual(['of two']);
    await one.end();
    const again = await connect({ clientId, clean: false, properties });
    await settle(100);
    expect(again.texts()).toEqual([]);
  });

  test('may ask for the retain flag as it was published', async () => {
    const topic = uniqueName('rap');
    const [asks, plain, publisher] = [await connect(), await connect(), await connect()];
    await asks.subscribe(topic, { qos: 1, rap: true });
    await plain.subscribe(topic, { qos: 1 });
    await publisher.publish(topic, 'r', { qos: 1, retain: true });
    await publisher.publish(topic, 'n', { qos: 1 });
    await asks.messages(2);
    await plain.messages(2);
    expect(asks.got.map(({ retain }) => retain)).toEqual([true, false]);
    expect(plain.got.map(({ retain }) => retain)).toEqual([false, false]);
    await publisher.publish(topic, '', { retain: true });
  });

  test('say whether they want what is retained', async () => {
    const topic = uniqueName('rh');
    const publisher = await connect();
    await publisher.publish(topic, 'kept', { qos: 1, retain: true });
    const counts: number[][] = [];
    for (const rh of [0, 1, 2] as const) {
      const client = await connect();
      const each: number[] = [];
      for (let round = 0; round < 2; round++) {
        await client.subscribe(topic, { qos: 1, rh });
        await settle(150);
        each.push(client.take().length);
      }
      counts.push(each);
    }
    expect(counts).toEqual([
      [1, 1],
      [1, 0],
      [0, 0],
    ]);
    await publisher.publish(topic, '', { retain: true });
  });

  // mosquitto 2.0.11 loses some of the messages.
  test.skipIf(lacksIt('mosquitto'))(
    'that are shared get each message once, and go on when one is gone',
    async () => {
      const topic = `${uniqueName('shared')}/x`;
      const filter = `$share/group/${topic.replace(/x$/, '+')}`;
      const members = [await connect(), await connect(), await connect()];
      for (const member of members) await member.subscribe(filter, { qos: 1 });
      const outsider = await connect();
      await outsider.subscribe(topic, { qos: 1 });
      const other = await connect();
      await other.subscribe(`$share/other/${topic}`, { qos: 1 });
      const texts = Array.from({ length: 60 }, (_, index) => String(index));
      for (const text of texts) await outsider.publish(topic, text, { qos: 1 });
      await outsider.messages(60);
      await other.messages(60);
      const got = () => members.flatMap((member) => member.texts());
      await eventually('all are there', () => (got().length >= 60 ? true : undefined));
      await settle(100);
      expect(got().sort()).toEqual([...texts].sort());
      for (const member of members) expect(member.take().length).toBeGreaterThan(0);
      await members[0]!.cut();
      for (const text of texts) await outsider.publish(topic, text, { qos: 1 });
      await eventually('all are there', () => (got().length >= 60 ? true : undefined));
      expect(got().sort()).toEqual([...texts].sort());
    },
  );

  // mosquitto 2.0.11 sends it; §4.8.2 says that nobody may.
  test.skipIf(lacksIt('mosquitto'))('that are shared do not get what is retained', async () => {
    const topic = uniqueName('shared');
    const client = await connect();
    await client.publish(topic, 'kept', { qos: 1, retain: true });
    await client.subscribe(`$share/g/${topic}`, { qos: 1 });
    await settle(150);
    expect(client.texts()).toEqual([]);
    await client.publish(topic, '', { retain: true });
  });

  test('that were not there cannot be taken back', async () => {
    const { wire, packets } = await openWire();
    const topic = uniqueName('none');
    await wire.subscribe([{ topic, qos: 0 }]);
    wire.send({ cmd: 'unsubscribe', messageId: 77, unsubscriptions: [topic, `${topic}/x`] });
    await untilCount(packets, 1);
    expect(packets[0]).toMatchObject({ cmd: 'unsuback', messageId: 77, granted: [0, 0x11] });
  });

  // mosquitto ends the connection at once.
  test.skipIf(!MQTT_PEER_IS_POLYMQ)(
    'of filters that are none are refused, each alone',
    async () => {
      const { wire } = await openWire();
      const topics = ['a/#/b', 'ok', 'a+', '$share/g', `${'l/'.repeat(40)}x`, 'x'.repeat(300)];
      const granted = new Promise<unknown>((resolve) => {
        wire.subscribe(topics.map((topic) => ({ topic, qos: 1 as const }))).catch(resolve);
      });
      expect(await granted).toMatchObject({ code: 0x8f });
    },
  );
});

describe('topic aliases', () => {
  test('stand for topics that the client has sent before', async () => {
    const topic = uniqueName('alias');
    const client = await connect({ autoAssignTopicAlias: true });
    await client.subscribe(topic, { qos: 1 });
    await client.subscribe(`${topic}-other`, { qos: 1 });
    const { wire, packets } = await openWire();
    await wire.subscribe([{ topic, qos: 0 }]);
    const send = (name: string, payload: string) =>
      wire.send(publishPacket({ topic: name, payload, qos: 0, properties: { topicAlias: 3 } }));
    send(topic, '1');
    send('', '2');
    send(`${topic}-other`, '3');
    send('', '4');
    await untilCount(packets, 2);
    await client.messages(4);
    expect(client.got.map(({ topic: name }) => name)).toEqual([
      topic,
      topic,
      `${topic}-other`,
      `${topic}-other`,
    ]);
    for (const packet of packets) {
      expect(packet).toMatchObject({ topic });
      expect((packet as { properties?: object }).properties ?? {}).not.toHaveProperty('topicAlias');
    }
  });

  test('of clients are used by mqtt.js on its own', async () => {
    const topic = uniqueName('auto');
    const [publisher, subscriber] = [
      await connect({ autoAssignTopicAlias: true }),
      await connect({ properties: { topicAliasMaximum: 5 } }),
    ];
    await subscriber.subscribe(`${topic}/#`, { qos: 1 });
    const names = Array.from({ length: 30 }, (_, index) => `${topic}/${index % 7}`);
    for (const name of names) await publisher.publish(name, name, { qos: 1 });
    const got = await subscriber.messages(30);
    expect(got.map(({ topic: name }) => name)).toEqual(names);
  });

  test.each([
    ['that was never set', 4],
    ['above the maximum', 60_000],
  ])('%s end the connection', async (_what, topicAlias) => {
    const { wire, packets } = await openWire();
    wire.send(publishPacket({ topic: '', payload: 'x', qos: 0, properties: { topicAlias } }));
    await eventually('it is over', () => wire.closed);
    expect(packets).toMatchObject([{ cmd: 'disconnect', reasonCode: expect.any(Number) }]);
    const { reasonCode } = packets[0] as { reasonCode: number };
    // The specification leaves 0x82 for one that is not set.
    expect([0x94, 0x82]).toContain(reasonCode);
  });

  // mosquitto 2.0.11 uses none.
  test.skipIf(lacksIt('mosquitto'))('of the server spare clients the topic', async () => {
    const { wire, packets } = await openWire({ topicAliasMaximum: 2 });
    const subscriber = await connect({ properties: { topicAliasMaximum: 2 } });
    const topic = uniqueName('server');
    const seen: unknown[] = [];
    subscriber.client.on('packetreceive', (packet) => {
      if (packet.cmd === 'publish') seen.push([packet.topic, packet.properties?.topicAlias]);
    });
    await subscriber.subscribe(`${topic}/+`, { qos: 0 });
    for (const name of ['a', 'a', 'b', 'c', 'a', 'c']) {
      wire.send(publishPacket({ topic: `${topic}/${name}`, payload: name, qos: 0 }));
    }
    const got = await subscriber.messages(6);
    expect(got.map(({ topic: name }) => name.slice(-1))).toEqual(['a', 'a', 'b', 'c', 'a', 'c']);
    expect(seen.slice(0, 2)).toEqual([
      [`${topic}/a`, 1],
      ['', 1],
    ]);
    expect(packets).toEqual([]);
  });
});

describe('flow control', () => {
  // mosquitto 2.0.11 takes PUBREC for the end of a delivery, and has no limit of its own.
  test.skipIf(lacksIt('mosquitto'))('holds back what a client has no room for', async () => {
    const topic = uniqueName('window');
    const { wire, packets } = await openWire({ receiveMaximum: 2 });
    await wire.subscribe([{ topic, qos: 2 }]);
    const publisher = await connect();
    for (let index = 0; index < 5; index++) {
      await publisher.publish(topic, String(index), { qos: index === 1 ? 2 : 1 });
    }
    await publisher.publish(topic, 'free', { qos: 0 });
    await settle(200);
    const texts = () =>
      packets.flatMap((packet) => (packet.cmd === 'publish' ? [packet.payload.toString()] : []));
    expect(texts().filter((text) => text !== 'free')).toEqual(['0', '1']);
    const ids = packets.map(({ messageId }) => messageId!);
    wire.send({ cmd: 'puback', messageId: ids[0]!, reasonCode: 0 });
    await eventually('the third', () => (texts().includes('2') ? true : undefined));
    wire.send({ cmd: 'pubrec', messageId: ids[1]!, reasonCode: 0 });
    await settle(100);
    // Only PUBCOMP ends a delivery of QoS 2.
    expect(texts().includes('3')).toBe(false);
    wire.send({ cmd: 'pubcomp', messageId: ids[1]!, reasonCode: 0 });
    await eventually('the fourth', () => (texts().includes('3') ? true : undefined));
  });

  // mosquitto 2.0.11 has no limit of its own.
  test.skipIf(lacksIt('mosquitto'))(
    'ends the connection of a client that sends more than the server has room for',
    async () => {
      const { wire, packets } = await openWire();
      const { receiveMaximum = 65_535 } = wire.connack.properties ?? {};
      for (let messageId = 1; messageId <= receiveMaximum + 1; messageId++) {
        wire.send(publishPacket({ topic: 'too/many', payload: 'x', qos: 2, messageId }));
      }
      await eventually('it is over', () => wire.closed);
      expect(packets.at(-1)).toMatchObject({ cmd: 'disconnect', reasonCode: 0x93 });
    },
  );

  test('leaves out messages that are too large for a client', async () => {
    const topic = uniqueName('size');
    const small = await connect({ properties: { maximumPacketSize: 200 } });
    const clientId = uniqueName('small');
    const session = {
      clientId,
      clean: false,
      properties: { maximumPacketSize: 200, sessionExpiryInterval: 60 },
    };
    const stays = await connect(session);
    await small.subscribe(topic, { qos: 1 });
    await stays.subscribe(topic, { qos: 1 });
    const publisher = await connect();
    for (const bytes of [10, 1000, 11]) {
      await publisher.publish(topic, Buffer.alloc(bytes, 'x'), { qos: 1 });
    }
    for (const client of [small, stays]) {
      await client.messages(2);
      expect(client.got.map(({ payload }) => payload.length)).toEqual([10, 11]);
    }
  });
});

describe('a session', () => {
  test('is there for as long as it was asked for', async () => {
    const clientId = uniqueName('lasts');
    const open = (sessionExpiryInterval: number) =>
      connect({ clientId, clean: false, properties: { sessionExpiryInterval } });
    const first = await open(1);
    await first.subscribe(clientId, { qos: 1 });
    await first.end();
    const second = await open(1);
    expect(second.sessionPresent).toBe(true);
    await second.end();
    await settle(2500);
    const third = await open(0);
    expect(third.sessionPresent).toBe(false);
    await third.end();
    const fourth = await open(0);
    expect(fourth.sessionPresent).toBe(false);
  });

  test('may be given up, or kept longer, with the last word', async () => {
    const clientId = uniqueName('last');
    const open = (sessionExpiryInterval: number) =>
      connect({ clientId, clean: false, properties: { sessionExpiryInterval } });
    const end = (client: TestClient, sessionExpiryInterval: number) =>
      client.client.endAsync(false, { properties: { sessionExpiryInterval } } as never);
    await end(await open(60), 0);
    const second = await open(1);
    expect(second.sessionPresent).toBe(false);
    await second.subscribe(clientId, { qos: 1 });
    await end(second, 60);
    await settle(2000);
    expect((await open(60)).sessionPresent).toBe(true);
  });

  test('that ends with its connection cannot be prolonged', async () => {
    const { wire, packets } = await openWire({ expiryS: 0 });
    wire.send({ cmd: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 5 } });
    await eventually('it is over', () => wire.closed);
    expect(packets).toMatchObject([{ cmd: 'disconnect', reasonCode: 0x82 }]);
  });

  test('that is taken up again is told that a message was released before, and not that it was refused', async () => {
    const identity = { clientId: uniqueName('resumes'), clean: false };
    const first = await openWire(identity);
    const send = async ({ wire, packets }: typeof first, packet: Packet) => {
      packets.length = 0;
      wire.send(packet);
      await untilCount(packets, 1);
      return packets;
    };
    const pubrel = (messageId: number) => ({ cmd: 'pubrel', messageId, reasonCode: 0 }) as const;
    const done = [{ cmd: 'pubcomp', messageId: 7, reasonCode: 0 }];
    await send(
      first,
      publishPacket({ topic: uniqueName('t'), payload: 'x', qos: 2, messageId: 7 }),
    );
    expect(await send(first, pubrel(7))).toMatchObject(done);
    first.wire.destroy();
    const second = await openWire(identity);
    expect(second.wire.connack.sessionPresent).toBe(true);
    expect(await send(second, pubrel(7))).toMatchObject(done);
    // Mosquitto says nothing of what it does not publish.
    if (!MQTT_PEER_IS_POLYMQ) return;
    const forbidden = publishPacket({ topic: '$SYS/uptime', payload: 'x', qos: 2, messageId: 8 });
    expect(await send(second, forbidden)).toMatchObject([{ cmd: 'pubrec', reasonCode: 0x87 }]);
    expect(await send(second, pubrel(8))).toMatchObject([{ cmd: 'pubcomp', reasonCode: 0x92 }]);
  });

  test('gets a name from the broker if it has none', async () => {
    const client = await connect({ clientId: '', clean: true });
    expect(client.connack['assignedClientIdentifier']).toMatch(/\S/);
  });
});

describe('a will', () => {
  test('waits for its delay, and is not sent if the client comes back', async () => {
    const [clientId, topic] = [uniqueName('late'), uniqueName('will')];
    const watcher = await connect();
    await watcher.subscribe(topic, { qos: 1 });
    const open = () =>
      connect({
        clientId,
        clean: false,
        properties: { sessionExpiryInterval: 60 },
        will: {
          topic,
          payload: Buffer.from('gone'),
          qos: 1,
          properties: { willDelayInterval: 2 },
        },
      });
    await (await open()).cut();
    await settle(500);
    const back = await open();
    await settle(2500);
    expect(watcher.texts()).toEqual([]);
    await back.cut();
    await settle(500);
    expect(watcher.texts()).toEqual([]);
    await watcher.messages(1);
  });

  // mosquitto 2.0.11 waits for the delay [MQTT-3.1.3-9].
  test.skipIf(lacksIt('mosquitto'))('does not wait longer than the session lasts', async () => {
    const topic = uniqueName('will');
    const watcher = await connect();
    await watcher.subscribe(topic, { qos: 1 });
    const will = { topic, payload: Buffer.from('gone'), qos: 1 as const };
    const properties = { willDelayInterval: 60 };
    const client = await connect({ will: { ...will, properties } });
    await client.cut();
    await watcher.messages(1);
  });

  test('is sent if the client asks for it with its last word', async () => {
    const topic = uniqueName('will');
    const watcher = await connect();
    await watcher.subscribe(topic, { qos: 1 });
    const client = await connect({ will: { topic, payload: Buffer.from('anyway'), qos: 0 } });
    await client.client.endAsync(false, { reasonCode: 4 } as never);
    await watcher.messages(1);
    expect(watcher.texts()).toEqual(['anyway']);
  });
});

describe('the broker', () => {
  test('says what it has', async () => {
    const client = await connect({ keepalive: 60 });
    expect(client.connack).toMatchObject({ topicAliasMaximum: expect.any(Number) });
    const { connack } = client;
    // What is all there need not be said.
    for (const name of [
      'retainAvailable',
      'wildcardSubscriptionAvailable',
      'subscriptionIdentifiersAvailable',
      'sharedSubscriptionAvailable',
    ]) {
      expect(connack[name] ?? true, name).toBe(true);
    }
    expect(connack['maximumQoS'] ?? 2).toBe(2);
  });

  test('refuses what needs more than one step to log in', async () => {
    const options = { properties: { authenticationMethod: 'SCRAM-SHA-1' } };
    await expect(connect(options)).rejects.toMatchObject({ code: 0x8c });
  });

  // A server need not say it, and mosquitto does for QoS 1 alone.
  test.skipIf(lacksIt('mosquitto'))('says that nobody wants a message', async () => {
    const { wire, packets } = await openWire();
    const topic = uniqueName('nobody');
    wire.send(publishPacket({ topic, payload: 'x', qos: 1, messageId: 1 }));
    wire.send(publishPacket({ topic, payload: 'x', qos: 2, messageId: 2 }));
    await untilCount(packets, 2);
    expect(packets).toMatchObject([
      { cmd: 'puback', messageId: 1, reasonCode: 0x10 },
      { cmd: 'pubrec', messageId: 2, reasonCode: 0x10 },
    ]);
  });

  test('cuts who is silent for too long, and sends the will', async () => {
    const topic = uniqueName('silent');
    const watcher = await connect();
    await watcher.subscribe(topic, { qos: 1 });
    const silent = generate(
      {
        cmd: 'connect',
        clientId: topic,
        protocolVersion: 5,
        clean: true,
        keepalive: 1,
        will: { topic, payload: 'silent', qos: 1 },
      },
      { protocolVersion: 5 },
    );
    const answer = await exchange(peer, silent);
    await watcher.messages(1);
    if (MQTT_PEER_IS_POLYMQ) expect(answer.toString('hex')).toMatch(/e0..8d/);
  });

  // Limits of PolyMQ's own.
  test.skipIf(!MQTT_PEER_IS_POLYMQ)('refuses topics beyond its limits', async () => {
    for (const topic of ['x'.repeat(256), `${'l/'.repeat(32)}x`]) {
      const { wire, packets } = await openWire();
      wire.send(publishPacket({ topic, payload: 'x', qos: 1, messageId: 1 }));
      await eventually('it says so', () => (packets.length > 0 ? true : wire.closed));
      expect((packets[0] as { reasonCode: number }).reasonCode).toBe(0x90);
    }
  });

  // mosquitto leaves that to its access rules.
  test.skipIf(!MQTT_PEER_IS_POLYMQ)('lets nobody write to $SYS', async () => {
    const { wire, packets } = await openWire();
    wire.send(publishPacket({ topic: '$SYS/broker/x', payload: 'x', qos: 1, messageId: 1 }));
    await untilCount(packets, 1);
    expect(packets).toMatchObject([{ cmd: 'puback', reasonCode: 0x87 }]);
  });

  test('has a return code for each way to be refused before MQTT 5', async () => {
    const refused = async (hex: string) => {
      const answer = await exchange(peer, Buffer.from(hex.replaceAll(' ', ''), 'hex'));
      return answer.toString('hex');
    };
    // No client id, and a session that is to stay.
    expect(await refused('10 0c 0004 4d515454 04 00 003c 0000')).toBe('20020002');
    // A level of a later time.
    expect(await refused('10 0d 0004 4d515454 07 02 003c 0001 61')).toBe('20020001');
  });
});

/** Listeners for WebSockets beside the plain ones, as the program offers them. */
import { once } from 'node:events';
import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type Polymq, startPolymq } from '../support/polymq.ts';

let broker: Polymq;
const clients = new Set<MqttClient>();
const sockets = new Set<WebSocket>();

beforeAll(async () => {
  broker = await startPolymq({
    data: 'memory:',
    listen: ['mqtt', 'ws+mqtt', 'stomp', 'ws+stomp', 'http'].map((name) => `${name}://127.0.0.1:0`),
    args: ['--websocket-origins', 'https://app.example'],
  });
});

afterEach(async () => {
  await Promise.all([...clients].map((client) => client.endAsync(true)));
  clients.clear();
  for (const socket of sockets) socket.terminate();
  sockets.clear();
});

afterAll(async () => {
  await broker?.stop();
});

async function connect(url: string, protocolVersion: 4 | 5 = 5): Promise<MqttClient> {
  const client = await mqtt.connectAsync(url, { protocolVersion, reconnectPeriod: 0 });
  clients.add(client);
  return client;
}

function nextMessage(client: MqttClient): Promise<Buffer> {
  return new Promise((resolve) => client.once('message', (_topic, payload) => resolve(payload)));
}

async function open(scheme: string, subprotocol: string, origin?: string): Promise<WebSocket> {
  const url = `ws://127.0.0.1:${broker.port(scheme)}/whatever`;
  const socket = new WebSocket(url, [subprotocol], origin === undefined ? {} : { origin });
  sockets.add(socket);
  await once(socket, 'open');
  return socket;
}

const overWebSocket = () => `ws://127.0.0.1:${broker.port('ws+mqtt')}/mqtt`;
const overTcp = () => `mqtt://127.0.0.1:${broker.port('mqtt')}`;

describe('MQTT in WebSockets', () => {
  it.each([4, 5] as const)('meets MQTT over TCP: the same broker, version %i', async (version) => {
    const both = await Promise.all([
      connect(overWebSocket(), version),
      connect(overTcp(), version),
    ]);
    for (const [subscriber, publisher] of [both, both.toReversed()] as MqttClient[][]) {
      for (const qos of [0, 1, 2] as const) {
        for (const payload of ['small', 'x'.repeat(3 << 20)]) {
          await subscriber!.subscribeAsync('ws/#', { qos });
          const message = nextMessage(subscriber!);
          await publisher!.publishAsync('ws/topic', payload, { qos });
          expect((await message).equals(Buffer.from(payload))).toBe(true);
        }
      }
      await subscriber!.unsubscribeAsync('ws/#');
    }
  });

  it('delivers many messages in order', async () => {
    const [subscriber, publisher] = await Promise.all([
      connect(overWebSocket()),
      connect(overTcp()),
    ]);
    const numbers: number[] = [];
    subscriber!.on('message', (_, payload) => numbers.push(Number(payload)));
    await subscriber!.subscribeAsync('many', { qos: 1 });
    const sent = Array.from({ length: 5000 }, (_, i) => i);
    await Promise.all(sent.map((i) => publisher!.publishAsync('many', `${i}`, { qos: 1 })));
    await expect.poll(() => numbers.length).toBe(sent.length);
    expect(numbers).toEqual(sent);
  });

  it('is counted under its own scheme', async () => {
    await connect(overWebSocket());
    const answer = await fetch(`http://127.0.0.1:${broker.port('http')}/metrics`);
    expect(await answer.text()).toMatch(/polymq_received_bytes_total\{protocol="ws\+mqtt"\} [1-9]/);
  });
});

describe('STOMP in WebSockets', () => {
  it.each([
    ['text', 'CONNECT\naccept-version:1.2\nhost:/\n\n\0'],
    ['binary', Buffer.from('CONNECT\naccept-version:1.2\nhost:/\n\n\0')],
  ])('is answered in kind: %s', async (kind, frame) => {
    const socket = await open('ws+stomp', 'v12.stomp');
    const message = once(socket, 'message');
    socket.send(frame);
    const [data, isBinary] = (await message) as [Buffer, boolean];
    expect(data.toString()).toMatch(/^CONNECTED\n/);
    expect(isBinary).toBe(kind === 'binary');
  });
});

describe('web pages', () => {
  it('may connect from this machine and where the settings say, and from nowhere else', async () => {
    await expect(open('ws+mqtt', 'mqtt', 'http://localhost:5173')).resolves.toBeDefined();
    await expect(open('ws+mqtt', 'mqtt', 'https://app.example')).resolves.toBeDefined();
    await expect(open('ws+mqtt', 'mqtt', 'https://evil.example')).rejects.toThrow('403');
  });

  it('are told when they ask for something else than a WebSocket', async () => {
    const answer = await fetch(`http://127.0.0.1:${broker.port('ws+mqtt')}/`);
    expect(answer.status).toBe(426);
    expect(await answer.text()).toBe('this listener speaks WebSocket only\n');
  });
});

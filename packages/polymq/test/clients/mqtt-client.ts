/** mqtt.js for tests: clients that keep what they get until a test asks for it, and end with the test. */
import net from 'node:net';
import mqtt, { type IClientOptions, type IPublishPacket, type MqttClient } from 'mqtt';
import { afterEach } from 'vitest';
import { MqttWire, type MqttWireOptions } from '../support/mqtt-wire.ts';
import type { MqttPeer } from './mqtt-peer.ts';
import { eventually, uniqueName } from './peer.ts';

export interface Received {
  topic: string;
  text: string;
  payload: Buffer;
  qos: number;
  retain: boolean;
  dup: boolean;
  properties: NonNullable<IPublishPacket['properties']>;
}

const WAIT_MS = 10_000;

const clients = new Set<TestClient>();
const wires = new Set<MqttWire>();

/** Ends all clients of a test; call it once at the top of a test file. */
export function endClientsAfterEach(): void {
  afterEach(async () => {
    await Promise.all([...clients].map((client) => client.endAtOnce()));
    for (const wire of wires) wire.destroy();
    wires.clear();
  });
}

/** A client of mqtt.js and what it has got. */
export class TestClient {
  readonly client: MqttClient;
  readonly got: Received[] = [];
  readonly disconnects: number[] = [];
  closes = 0;
  sessionPresent: boolean | undefined;
  connack: Record<string, unknown> = {};

  constructor(client: MqttClient) {
    this.client = client;
    clients.add(this);
    client.on('message', (topic, payload, packet) => {
      const { qos, retain, dup, properties = {} } = packet;
      this.got.push({ topic, text: payload.toString(), payload, qos, retain, dup, properties });
    });
    client.on('connect', (packet) => {
      this.sessionPresent = packet.sessionPresent;
      this.connack = (packet.properties ?? {}) as Record<string, unknown>;
    });
    client.on('disconnect', ({ reasonCode }) => this.disconnects.push(reasonCode ?? 0));
    client.on('close', () => {
      this.closes += 1;
    });
    client.on('error', () => {});
  }

  /** Resolves with all that has come when it is `count` messages; throws if it is more. */
  async messages(count: number): Promise<Received[]> {
    const enough = () => (this.got.length >= count ? true : undefined);
    await eventually(`there are ${count} messages`, enough, WAIT_MS).catch(() => {
      throw new Error(`${this.got.length} messages instead of ${count}: ${this.texts()}`);
    });
    if (this.got.length > count) throw new Error(`too many messages: ${this.texts()}`);
    return this.got;
  }

  /** What has come is forgotten. */
  take(): Received[] {
    return this.got.splice(0);
  }

  texts(): string[] {
    return this.got.map(({ text }) => text);
  }

  subscribe(
    filter: string,
    options: Parameters<MqttClient['subscribeAsync']>[1],
  ): Promise<unknown> {
    return this.client.subscribeAsync(filter, options as never);
  }

  publish(
    topic: string,
    payload: string | Buffer,
    options: Parameters<MqttClient['publishAsync']>[2] = {},
  ): Promise<unknown> {
    return this.client.publishAsync(topic, payload, options as never);
  }

  /** With a DISCONNECT. */
  async end(): Promise<void> {
    clients.delete(this);
    if (this.client.disconnected) this.client.end(true);
    else await this.client.endAsync();
  }

  /** After a test that may have failed: mqtt.js waits for answers for ever, also to what it has not sent. */
  async endAtOnce(): Promise<void> {
    if (Object.keys(this.client.outgoing).length === 0) return this.end();
    clients.delete(this);
    await this.client.endAsync(true);
  }

  /** Without one: the network is gone. */
  async cut(): Promise<void> {
    clients.delete(this);
    const closed = new Promise<void>((resolve) => this.client.stream.once('close', resolve));
    this.client.options.reconnectPeriod = 0;
    this.client.stream.destroy();
    await closed;
    this.client.end(true);
  }
}

export interface ConnectOptions extends IClientOptions {
  webSocket?: boolean;
}

/** Resolves when the broker has let it in. It does not come back by itself unless `reconnectPeriod` says so. */
export async function connect(peer: MqttPeer, options: ConnectOptions = {}): Promise<TestClient> {
  const { webSocket = false, ...more } = options;
  const protocolVersion = more.protocolVersion ?? 4;
  const client = mqtt.connect(webSocket ? peer.webSocketUrl : peer.url, {
    reconnectPeriod: 0,
    protocolVersion,
    protocolId: protocolVersion === 3 ? 'MQIsdp' : 'MQTT',
    clientId: uniqueName('c'),
    ...more,
  });
  const test = new TestClient(client);
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('error', reject);
    client.once('close', () => reject(new Error('the connection was closed')));
  });
  return test;
}

/** A client that is nothing but the wire. */
export async function connectWire(
  peer: MqttPeer,
  options: Partial<MqttWireOptions> = {},
): Promise<MqttWire> {
  const wire = await MqttWire.connect({
    host: peer.host,
    port: peer.port,
    clientId: uniqueName('w'),
    version: 5,
    clean: true,
    ...options,
  });
  wires.add(wire);
  return wire;
}

/** Sends bytes, and resolves with all that comes until the broker closes the connection. */
export function exchange(peer: MqttPeer, bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve) => {
    const received: Buffer[] = [];
    const socket = net.connect({ host: peer.host, port: peer.port });
    const timer = setTimeout(() => {
      received.push(Buffer.from('still open'));
      socket.destroy();
    }, WAIT_MS);
    socket.on('error', () => {});
    socket.on('data', (piece) => received.push(piece));
    socket.once('close', () => {
      clearTimeout(timer);
      resolve(Buffer.concat(received));
    });
    socket.write(bytes);
  });
}

/** Long enough for what is on its way to come. */
export function settle(milliseconds = 300): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

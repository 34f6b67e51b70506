/**
 * An MQTT client that is nothing but the wire, for tests: it sends any packet and shows each that comes, and neither answers
 * nor remembers anything by itself, so that whoever uses it decides what is acknowledged, and when.
 */
import net from 'node:net';
import {
  generate,
  type IConnackPacket,
  type IPublishPacket,
  type ISubackPacket,
  type ISubscription,
  type Packet,
  type Parser,
  parser,
} from 'mqtt-packet';

export type { IPublishPacket, Packet } from 'mqtt-packet';

export interface MqttWireOptions {
  port: number;
  host?: string | undefined;
  clientId: string;
  version: 4 | 5;
  /** Starts with no session, and leaves none behind. */
  clean: boolean;
  /** How long the session outlives the connection; version 5 only, default an hour if not clean. */
  expiryS?: number | undefined;
  /** How many unacknowledged messages this side takes; version 5 only. */
  receiveMaximum?: number | undefined;
  connectTimeoutMs?: number | undefined;
  /** Everything that comes but CONNACK, SUBACK and UNSUBACK. */
  onPacket?: ((packet: Packet) => void) | undefined;
}

/** The broker has refused the connection, or ended it with a reason. */
export class MqttRefused extends Error {
  readonly code: number;

  constructor(what: string, code: number) {
    super(`${what} with code ${code}`);
    this.name = 'MqttRefused';
    this.code = code;
  }
}

interface Waiting<T> {
  resolve(packet: T): void;
  reject(error: Error): void;
}

const SESSION_S = 3600;
const FAILED = 0x80;

export class MqttWire {
  readonly version: 4 | 5;
  readonly socket: net.Socket;
  connack!: IConnackPacket;
  /** Why the connection ended; undefined while it is open. */
  closed: Error | undefined;
  onPacket: (packet: Packet) => void;
  readonly #parser: Parser;
  #opening: Waiting<IConnackPacket> | undefined;
  readonly #subscribing = new Map<number, Waiting<ISubackPacket>>();
  #lastSubscription = 0;

  private constructor({ port, host, version, onPacket }: MqttWireOptions) {
    this.version = version;
    this.onPacket = onPacket ?? (() => undefined);
    this.#parser = parser({ protocolVersion: version });
    this.#parser.on('packet', (packet) => this.#onPacket(packet));
    this.#parser.on('error', (error: Error) => this.socket.destroy(error));
    this.socket = net.connect({ port, host: host ?? '127.0.0.1', noDelay: true });
    this.socket.on('data', (bytes: Buffer) => this.#parser.parse(bytes));
    this.socket.on('error', (error) => this.#end(error));
    this.socket.on('close', () => this.#end(new Error('the connection was cut')));
  }

  /** Resolves when the broker has let it in. Rejects with `MqttRefused` if it has not. */
  static async connect(options: MqttWireOptions): Promise<MqttWire> {
    const wire = new MqttWire(options);
    const timer = setTimeout(() => {
      wire.socket.destroy(new Error('no answer to the connect'));
    }, options.connectTimeoutMs ?? 10_000);
    try {
      wire.connack = await new Promise<IConnackPacket>((resolve, reject) => {
        wire.#opening = { resolve, reject };
        wire.send(connectPacket(options));
      });
    } finally {
      clearTimeout(timer);
    }
    const code = wire.connack.reasonCode ?? wire.connack.returnCode ?? 0;
    if (code === 0) return wire;
    wire.socket.destroy();
    throw new MqttRefused('the connection was refused', code);
  }

  send(packet: Packet): void {
    if (!this.socket.destroyed) {
      this.socket.write(generate(packet, { protocolVersion: this.version }));
    }
  }

  /** Rejects if one of them is refused. Resolves with the granted QoS of each. */
  async subscribe(subscriptions: readonly ISubscription[]): Promise<number[]> {
    this.#lastSubscription += 1;
    const messageId = this.#lastSubscription;
    const answer = await new Promise<ISubackPacket>((resolve, reject) => {
      if (this.closed) reject(this.closed);
      this.#subscribing.set(messageId, { resolve, reject });
      this.send({ cmd: 'subscribe', messageId, subscriptions: [...subscriptions] });
    });
    const granted = answer.granted as number[];
    const refused = granted.find((code) => code >= FAILED);
    if (refused !== undefined) throw new MqttRefused('a subscription was refused', refused);
    return granted;
  }

  /** Says goodbye; resolves when the broker has closed the connection. */
  async disconnect(): Promise<void> {
    if (this.closed) return;
    const gone = new Promise<void>((resolve) => this.socket.once('close', () => resolve()));
    this.send({ cmd: 'disconnect', reasonCode: 0 });
    this.socket.end();
    await gone;
  }

  destroy(): void {
    this.socket.destroy();
  }

  #onPacket(packet: Packet): void {
    if (packet.cmd === 'connack') this.#opening?.resolve(packet);
    else if (packet.cmd === 'suback') {
      this.#subscribing.get(packet.messageId!)?.resolve(packet);
      this.#subscribing.delete(packet.messageId!);
    } else {
      if (packet.cmd === 'disconnect') {
        this.#end(new MqttRefused('the broker ended the connection', packet.reasonCode ?? 0));
      }
      this.onPacket(packet);
    }
  }

  #end(error: Error): void {
    this.closed ??= error;
    this.#opening?.reject(this.closed);
    for (const waiting of this.#subscribing.values()) waiting.reject(this.closed);
    this.#subscribing.clear();
  }
}

/** A PUBLISH, of which most is seldom anything else. */
export function publishPacket(
  what: Pick<IPublishPacket, 'topic' | 'payload' | 'qos'> & Partial<IPublishPacket>,
): IPublishPacket {
  return { cmd: 'publish', dup: false, retain: false, ...what };
}

function connectPacket(options: MqttWireOptions): Packet {
  const { clientId, version, clean, expiryS, receiveMaximum } = options;
  const packet = {
    cmd: 'connect',
    clientId,
    protocolVersion: version,
    clean,
    keepalive: 0,
  } as const;
  if (version === 4) return packet;
  const properties = {
    sessionExpiryInterval: expiryS ?? (clean ? 0 : SESSION_S),
    ...(receiveMaximum !== undefined && { receiveMaximum }),
  };
  return { ...packet, properties };
}

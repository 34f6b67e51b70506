/**
 * Publishers and subscribers of Redis, MQTT and STOMP on raw sockets, as far as a test of slow subscribers needs them.
 *
 * Every payload begins with a mark and the time at which it was due to be sent, so one reader takes the latencies of all
 * protocols: it looks for the mark and for nothing else.
 *
 *   … protocol … [packet id u16, MQTT QoS 1] "polymq-time:" f64 padding … protocol …
 */

import { Wire } from '../../../../bench/lib/live/wire.ts';
import type { Latencies } from '../../../../bench/lib/statistics.ts';
import {
  ackPacket,
  connectPacket,
  PUBACK,
  publishPacket,
  type Qos,
  subscribePacket,
} from '../../../../bench/mqtt/packets.ts';
import { respArray } from '../../../../bench/redis/dialect.ts';
import { frameLength, stompFrame } from '../../../../bench/stomp/frames.ts';

const MARK = Buffer.from('polymq-time:');
const TIMED_BYTES = MARK.length + 8;
const PACKET_ID_BYTES = 2;
const LATE_MS_MAX = 200;
const TOPIC = 'live';
/** Shorter than a test is: who waits for something else than bytes is cut by time. */
const SEND_TIMEOUT = '8s';
/** The end of the answer to a first SUBSCRIBE of Redis. */
const SUBSCRIBED = ':1\r\n';

/** How one protocol is spoken here. */
export interface LiveClients {
  readonly name: string;
  readonly scheme: string;
  /** Flags of the broker. */
  readonly args: readonly string[];
  /** What the broker may keep for each stalled subscriber, and for all of them together. */
  readonly limitMib: number;
  readonly commonMib: number;
  /** Whether subscribers acknowledge each message. */
  readonly acks: boolean;
  subscribe(wire: Wire, index: number): Promise<void>;
  /** Makes the connection ready to publish. */
  open(wire: Wire): Promise<void>;
  /** The bytes that publish a payload. */
  publish(payload: Buffer, sequence: number): Buffer;
}

export const redis: LiveClients = {
  name: 'Redis',
  scheme: 'redis',
  args: [],
  limitMib: 32,
  commonMib: 0,
  acks: false,
  async subscribe(wire) {
    await wire.ask(respArray('SUBSCRIBE', TOPIC), (bytes) => {
      const end = bytes.indexOf(SUBSCRIBED);
      return end < 0 ? 0 : end + SUBSCRIBED.length;
    });
  },
  open: async () => undefined,
  publish: (payload) => respArray('PUBLISH', TOPIC, payload),
};

export const mqttAtMostOnce: LiveClients = mqtt(0);
export const mqttAtLeastOnce: LiveClients = mqtt(1);

function mqtt(qos: Qos): LiveClients {
  const connect = (wire: Wire, clientId: string) =>
    wire.ask(connectPacket(clientId, { clean: true }), (bytes) => (bytes.length < 4 ? 0 : 4));
  return {
    name: `MQTT QoS ${qos}`,
    scheme: 'mqtt',
    args: ['--mqtt-send-timeout-ms', SEND_TIMEOUT],
    limitMib: 32,
    commonMib: 0,
    acks: qos === 1,
    async subscribe(wire, index) {
      await connect(wire, `subscriber-${index}`);
      await wire.ask(subscribePacket(TOPIC, qos), (bytes) => (bytes.length < 5 ? 0 : 5));
    },
    open: async (wire) => void (await connect(wire, 'publisher')),
    publish: (payload, sequence) => publishPacket(TOPIC, qos, 1 + (sequence % 65_535), payload),
  };
}

/** Messages of those who do not read wait in their queues, so their limits are those of queues, and time. */
export const stomp: LiveClients = {
  name: 'STOMP',
  scheme: 'stomp',
  args: ['--stomp-send-timeout-ms', SEND_TIMEOUT],
  limitMib: 4,
  commonMib: 256,
  acks: false,
  async subscribe(wire, index) {
    await connectStomp(wire);
    const destination = `/topic/${TOPIC}`;
    const headers = { destination, id: `s${index}`, ack: 'auto', receipt: 'ready' };
    await wire.ask(stompFrame('SUBSCRIBE', headers), frameLength);
  },
  open: connectStomp,
  publish: (payload) => {
    const headers = { destination: `/topic/${TOPIC}`, 'content-length': `${payload.length}` };
    return stompFrame('SEND', headers, payload);
  },
};

async function connectStomp(wire: Wire): Promise<void> {
  const headers = { 'accept-version': '1.2', host: '/', login: 'guest', passcode: 'guest' };
  const answer = await wire.ask(stompFrame('CONNECT', headers), frameLength);
  if (!answer.toString('latin1').startsWith('CONNECTED')) throw new Error(answer.toString());
}

/** Subscribes and reads: the time from when each message was due until it has come. */
export async function readLatencies(
  clients: LiveClients,
  target: { host: string; port: number },
  index: number,
  latencies: Latencies,
): Promise<Wire> {
  const wire = await Wire.connect(target);
  await clients.subscribe(wire, index);
  wire.takeOver((buffer, start, end) => {
    let at = start;
    for (;;) {
      const markAt = buffer.indexOf(MARK, at);
      // What is left may hold the beginning of a mark, and what stands before it.
      const keep = Math.max(at, end - TIMED_BYTES - PACKET_ID_BYTES);
      if (markAt < 0 || markAt >= end) return keep;
      if (markAt + TIMED_BYTES > end) return Math.max(at, markAt - PACKET_ID_BYTES);
      latencies.add(performance.now() - buffer.readDoubleLE(markAt + MARK.length));
      if (clients.acks) {
        wire.socket.write(ackPacket(PUBACK, buffer.readUInt16BE(markAt - PACKET_ID_BYTES)));
      }
      at = markAt + TIMED_BYTES;
    }
  });
  return wire;
}

/** Publishes at an even rate, whatever becomes of it. */
export class PacedPublisher {
  readonly #clients: LiveClients;
  readonly #wire: Wire;
  readonly #payload: Buffer;
  readonly #everyMs: number;
  #timer: NodeJS.Timeout | undefined;
  #sent = 0;

  private constructor(clients: LiveClients, wire: Wire, payloadBytes: number, perSecond: number) {
    this.#clients = clients;
    this.#wire = wire;
    this.#payload = Buffer.alloc(payloadBytes, 'x');
    MARK.copy(this.#payload);
    this.#everyMs = 1000 / perSecond;
  }

  static async open(
    clients: LiveClients,
    target: { host: string; port: number },
    rate: { payloadBytes: number; perSecond: number },
  ): Promise<PacedPublisher> {
    const wire = await Wire.connect(target);
    await clients.open(wire);
    // Answers are not looked at.
    wire.takeOver((_buffer, _start, end) => end);
    return new PacedPublisher(clients, wire, rate.payloadBytes, rate.perSecond);
  }

  get sent(): number {
    return this.#sent;
  }

  start(): void {
    let began = performance.now() - this.#sent * this.#everyMs;
    this.#timer = setInterval(() => {
      const now = performance.now();
      // A process that got no time catches up a little, but does not make a flood of it.
      began += Math.max(0, now - began - this.#sent * this.#everyMs - LATE_MS_MAX);
      for (;;) {
        const dueMs = began + this.#sent * this.#everyMs;
        if (dueMs > now) return;
        this.#payload.writeDoubleLE(dueMs, MARK.length);
        this.#wire.socket.write(this.#clients.publish(this.#payload, this.#sent));
        this.#sent += 1;
      }
    }, 1);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  close(): void {
    this.stop();
    this.#wire.destroy();
  }
}

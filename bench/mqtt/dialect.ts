/** MQTT 3.1.1 as load. */
import {
  type Dialect,
  type LiveShape,
  type Publishing,
  payloadOf,
  ringOf,
  type Subscribing,
} from '../lib/live/load.ts';
import { PatternReader } from '../lib/live/pattern-reader.ts';
import { Wire } from '../lib/live/wire.ts';
import { AckedPublisher, AckingSubscriber } from './clients.ts';
import { connectPacket, packetIdAt, publishPacket, type Qos, subscribePacket } from './packets.ts';

export interface MqttShape extends LiveShape {
  qos: Qos;
  /** Subscribers have sessions that outlive their connections. */
  persistent: boolean;
}

/** Connects, and subscribes if there is a topic. */
export async function join(
  wire: Wire,
  clientId: string,
  options: { clean: boolean; topic?: string; qos?: Qos },
): Promise<void> {
  const { clean, topic, qos = 0 } = options;
  const connack = await wire.ask(connectPacket(clientId, { clean }), (bytes) =>
    bytes.length < 4 ? 0 : 4,
  );
  if (connack[0] !== 0x20 || connack[3] !== 0) {
    throw new Error(`CONNECT was answered ${connack.toString('hex')}`);
  }
  if (topic === undefined) return;
  const suback = await wire.ask(subscribePacket(topic, qos), (bytes) => (bytes.length < 5 ? 0 : 5));
  if (suback[0] !== 0x90 || suback[4] !== qos) {
    throw new Error(`SUBSCRIBE was answered ${suback.toString('hex')}`);
  }
}

export const mqttDialect: Dialect<MqttShape> = {
  async subscribe(wire, topic, shape, index): Promise<Subscribing> {
    const { qos, persistent, payloadBytes } = shape;
    await join(wire, subscriberId(topic, index), { clean: !persistent, topic, qos });
    const frame = publishPacket(topic, qos, 1, payloadOf(payloadBytes));
    if (qos > 0) return new AckingSubscriber(wire, qos, frame, packetIdAt(frame, topic));
    const reader = new PatternReader(frame);
    return {
      get delivered() {
        return reader.frames;
      },
      read: (buffer, start, end) => reader.read(buffer, start, end),
    };
  },

  async publish(wire, topic, shape, index): Promise<Publishing> {
    const { qos, payloadBytes, window, publishers } = shape;
    await join(wire, `${topic}-p${index}`, { clean: true });
    const payload = payloadOf(payloadBytes);
    const unitBytes = publishPacket(topic, qos, 1, payload).length;
    const ring = ringOf(window / publishers, (i) => publishPacket(topic, qos, i + 1, payload));
    if (qos > 0) return new AckedPublisher(wire, qos, ring, unitBytes);
    return {
      ring,
      unitBytes,
      confirmed: undefined,
      read: (_buffer, start, end) => {
        if (end > start) throw new Error('a publisher was sent something at QoS 0');
        return end;
      },
    };
  },

  /** A session ends when its client comes back without it. */
  async cleanUp(target, topic, { persistent, subscribers }) {
    for (let i = 0; persistent && i < subscribers; i += 1) {
      const wire = await Wire.connect(target);
      await join(wire, subscriberId(topic, i), { clean: true });
      wire.destroy();
    }
  },
};

function subscriberId(topic: string, index: number): string {
  return `${topic}-s${index}`;
}

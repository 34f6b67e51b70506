/**
 * One publisher with QoS 1: bursts of messages, as many unacknowledged at a time as the window allows. What a connection
 * that breaks leaves behind is unknown and not sent again; the next one has another name.
 */
import type { Publish } from '../../../checker/queue-history.ts';
import { type MqttWire, type Packet, publishPacket } from '../../../support/mqtt-wire.ts';
import { encodeValue } from '../values.ts';
import { Actor, type ActorOptions, pause } from './actor.ts';
import type { Topic } from './topology.ts';

const WINDOW = 50;
const BURST_MAX = 12;
const PAUSE_MS_MAX = 30;
const ACK_MS_MAX = 20_000;

export class Publisher extends Actor {
  readonly #topics: readonly Topic[];
  readonly #version: 4 | 5;
  /** By packet id, in order. */
  readonly #unacknowledged = new Map<number, Publish>();

  constructor(options: ActorOptions & { topics: readonly Topic[]; version: 4 | 5 }) {
    super(options);
    this.#topics = options.topics;
    this.#version = options.version;
  }

  protected override async live(life: number): Promise<void> {
    const { name, random } = this.options;
    const onPacket = (packet: Packet) => this.#onPacket(packet);
    const identity = { clientId: name, version: this.#version, clean: true };
    const wire = await this.connect({ ...identity, onPacket });
    try {
      while (!this.stopping && !wire.closed) {
        const room = WINDOW - this.#unacknowledged.size;
        const burst = Math.min(room, random.between(1, BURST_MAX));
        for (let i = 0; i < burst; i += 1) this.#publish(wire, `${name}#${life}`);
        await pause(random.between(0, PAUSE_MS_MAX));
      }
      await this.#untilAcknowledged(wire);
      if (wire.closed) throw wire.closed;
      await wire.disconnect();
    } finally {
      for (const publish of this.#unacknowledged.values()) {
        this.options.history.queues.published(publish, 'info', String(wire.closed));
      }
      this.#unacknowledged.clear();
    }
  }

  #publish(wire: MqttWire, producer: string): void {
    const { random, history, nextValue } = this.options;
    const { topic, sessions } = random.pick(this.#topics);
    const value = nextValue();
    const what = { value, producer, queues: sessions, persistent: true };
    let messageId = 1;
    while (this.#unacknowledged.has(messageId)) messageId += 1;
    this.#unacknowledged.set(messageId, history.queues.publish(what));
    wire.send(publishPacket({ topic, payload: encodeValue(value), qos: 1, messageId }));
  }

  async #untilAcknowledged(wire: MqttWire): Promise<void> {
    const deadline = Date.now() + ACK_MS_MAX;
    while (this.#unacknowledged.size > 0 && !wire.closed && Date.now() < deadline) await pause(5);
    if (this.#unacknowledged.size > 0 && !wire.closed) {
      this.complain(`no acknowledgement within ${ACK_MS_MAX} ms`);
    }
  }

  #onPacket(packet: Packet): void {
    if (packet.cmd === 'disconnect') return;
    const publish = packet.cmd === 'puback' && this.#unacknowledged.get(packet.messageId!);
    if (!publish) {
      this.complain(`was sent ${JSON.stringify(packet)}`);
      return;
    }
    this.#unacknowledged.delete(packet.messageId!);
    const { history, onDone } = this.options;
    const code = packet.reasonCode ?? 0;
    history.queues.published(publish, code === 0 ? 'ok' : 'info');
    if (code === 0) onDone(1);
    else this.complain(`value ${publish.value} was answered with ${code}`);
  }
}

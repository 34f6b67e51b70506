/**
 * One publisher with QoS 2 that remembers what it has sent over its connections and the broker's crashes, as its broker must:
 * what was not answered it sends again under the same packet id, so that nothing is lost and nothing stored twice.
 *
 *   PUBLISH ─► sent ── PUBREC ─► released ── PUBCOMP ─► the packet id is free
 *               └─ again, as DUP ─┘   └─ PUBREL again ─┘         when a connection breaks
 */
import type { Publish } from '../../../checker/queue-history.ts';
import { type MqttWire, type Packet, publishPacket } from '../../../support/mqtt-wire.ts';
import { encodeValue } from '../values.ts';
import { Actor, type ActorOptions, pause } from './actor.ts';
import type { Topic } from './topology.ts';

interface Sent {
  publish: Publish;
  topic: string;
  released: boolean;
}

const WINDOW = 20;
const BURST_MAX = 6;
const PAUSE_MS_MAX = 20;
/** Cuts its own connection in the middle of everything. */
const CUT_CHANCE = 0.003;
const PACKET_ID_MAX = 65_535;
const ANSWER_MS_MAX = 20_000;

export class ExactPublisher extends Actor {
  readonly #topics: readonly Topic[];
  readonly #version: 4 | 5;
  /** By packet id, in the order of publishing. */
  readonly #sent = new Map<number, Sent>();
  #lastId = 0;
  #known = false;

  constructor(options: ActorOptions & { topics: readonly Topic[]; version: 4 | 5 }) {
    super(options);
    this.#topics = options.topics;
    this.#version = options.version;
  }

  protected override async live(): Promise<void> {
    const { name, random } = this.options;
    const identity = { clientId: name, version: this.#version, clean: false };
    let wire: MqttWire | undefined;
    wire = await this.connect({ ...identity, onPacket: (packet) => this.#onPacket(wire, packet) });
    this.#resume(wire);
    while (!this.stopping && !wire.closed) {
      const burst = Math.min(WINDOW - this.#sent.size, random.between(1, BURST_MAX));
      for (let i = 0; i < burst; i += 1) this.#publish(wire);
      await pause(random.between(0, PAUSE_MS_MAX));
      if (random.chance(CUT_CHANCE)) {
        wire.destroy();
        return;
      }
    }
    await this.#untilDone(wire);
    if (wire.closed) throw wire.closed;
    await wire.disconnect();
  }

  #resume(wire: MqttWire): void {
    const { sessionPresent } = wire.connack;
    if (sessionPresent !== this.#known) {
      this.complain(`the session was ${sessionPresent ? 'there already' : 'forgotten'}`);
    }
    this.#known = true;
    for (const [messageId, { publish, topic, released }] of this.#sent) {
      if (released) wire.send({ cmd: 'pubrel', messageId });
      else {
        const payload = encodeValue(publish.value);
        wire.send(publishPacket({ topic, payload, qos: 2, messageId, dup: true }));
      }
    }
  }

  #publish(wire: MqttWire): void {
    const { name: producer, random, history, nextValue } = this.options;
    const { topic, sessions: queues } = random.pick(this.#topics);
    const value = nextValue();
    const publish = history.queues.publish({
      value,
      producer,
      queues,
      persistent: true,
      once: true,
    });
    do this.#lastId = (this.#lastId % PACKET_ID_MAX) + 1;
    while (this.#sent.has(this.#lastId));
    this.#sent.set(this.#lastId, { publish, topic, released: false });
    const messageId = this.#lastId;
    wire.send(publishPacket({ topic, payload: encodeValue(value), qos: 2, messageId }));
  }

  #onPacket(wire: MqttWire | undefined, packet: Packet): void {
    if (packet.cmd === 'disconnect') return;
    const sent = this.#sent.get(packet.messageId ?? 0);
    const code = 'reasonCode' in packet ? (packet.reasonCode ?? 0) : 0;
    if (code !== 0) {
      this.complain(`value ${sent?.publish.value} was answered with ${code}`);
    }
    if (packet.cmd === 'pubrec' && sent !== undefined) {
      if (!sent.released) {
        sent.released = true;
        this.options.history.queues.published(sent.publish, code === 0 ? 'ok' : 'info');
        this.options.onDone(1);
      }
      wire?.send({ cmd: 'pubrel', messageId: packet.messageId! });
    } else if (packet.cmd === 'pubcomp' && sent?.released) this.#sent.delete(packet.messageId!);
    else this.complain(`was sent ${JSON.stringify(packet)}`);
  }

  async #untilDone(wire: MqttWire): Promise<void> {
    const deadline = Date.now() + ANSWER_MS_MAX;
    while (this.#sent.size > 0 && !wire.closed && Date.now() < deadline) await pause(5);
    if (this.#sent.size > 0 && !wire.closed) this.complain(`no answer within ${ANSWER_MS_MAX} ms`);
  }
}

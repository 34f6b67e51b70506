/**
 * One subscriber whose session lives on: it answers what it gets after a random while, leaves some unanswered until its
 * connection ends, and is away now and then. From time to time it publishes a marker; when that is acknowledged, what was
 * acknowledged before it on the same connection is stored.
 */
import type { Settlement } from '../../../checker/queue-history.ts';
import { MqttWire, type Packet, publishPacket } from '../../../support/mqtt-wire.ts';
import { Actor, type ActorOptions, pause } from './actor.ts';
import { Inbox } from './inbox.ts';
import { LAST_PAYLOAD, LAST_TOPICS, MARKER_TOPIC, type SessionSpec } from './topology.ts';

const TICK_MS_MAX = 10;
const IDLE_CHANCE = 0.2;
const MARKER_CHANCE = 0.2;
const LEAVE_CHANCE = 0.004;
const AWAY_MS_MAX = 600;
const LAST_MS_MAX = 20_000;

export class Subscriber extends Actor {
  readonly #session: SessionSpec;
  readonly #inbox: Inbox;
  /** Written since the last marker. */
  #settled: Settlement[] = [];
  readonly #marked = new Map<number, Settlement[]>();
  #markers = 0;
  /** What was left at the end, if it is the end. */
  #left: { queue: string; values: string[]; redelivered: boolean[] } | undefined;
  #sawLast = false;

  constructor(options: ActorOptions & { session: SessionSpec }) {
    super(options);
    this.#session = options.session;
    const queue = queueOf(options.session);
    this.#inbox = new Inbox({
      queue,
      history: options.history.queues,
      onTaken: (value, redelivered) => this.#onTaken(value, redelivered),
      onCommitted: options.onDone,
      onProblem: options.onProblem,
    });
  }

  protected override async live(life: number): Promise<void> {
    const { random } = this.options;
    const wire = await this.#open(life);
    while (!this.stopping && !wire.closed) {
      await pause(random.between(0, TICK_MS_MAX));
      if (wire.closed || random.chance(IDLE_CHANCE)) continue;
      this.#settled.push(...this.#inbox.answer(wire, random.between(1, 12)));
      if (random.chance(MARKER_CHANCE)) this.#mark(wire);
      if (random.chance(LEAVE_CHANCE)) {
        await this.#leave(wire);
        return;
      }
    }
    if (wire.closed) throw wire.closed;
    this.#mark(wire);
    await until(() => this.#marked.size === 0 || wire.closed !== undefined);
    if (this.#marked.size > 0 && !wire.closed) this.complain('a marker was never acknowledged');
    await wire.disconnect();
  }

  /** Takes all that the session has left, into the history. */
  async drain(): Promise<void> {
    const { port, history } = this.options;
    const queue = queueOf(this.#session);
    this.#left = { queue, values: [], redelivered: [] };
    this.#inbox.working = false;
    const wire = await this.#open(0);
    await publishLast(port, this.#session.clientId);
    await until(() => {
      this.#inbox.answer(wire, this.#inbox.waiting);
      return this.#sawLast || wire.closed !== undefined;
    });
    if (!this.#sawLast) this.complain(`the last message never came: ${wire.closed ?? 'nothing'}`);
    await wire.disconnect();
    history.queues.drained(this.#left);
  }

  async #open(life: number): Promise<MqttWire> {
    const { clientId, version, receiveMaximum } = this.#session;
    const reader = `${clientId}#${life}`;
    this.options.history.queues.opening(reader);
    this.#inbox.opened(reader);
    this.#settled = [];
    this.#marked.clear();
    this.#markers = 0;
    let opened: MqttWire | undefined;
    /** Packets that came together with the answer to the connect. */
    const early: Packet[] = [];
    opened = await this.connect({
      clientId,
      version,
      clean: false,
      receiveMaximum,
      onPacket: (packet) => {
        if (opened === undefined) early.push(packet);
        else this.#onPacket(opened, packet);
      },
    });
    for (const packet of early) this.#onPacket(opened, packet);
    if (!opened.connack.sessionPresent) this.complain('the session was forgotten');
    return opened;
  }

  #onPacket(wire: MqttWire, packet: Packet): void {
    if (packet.cmd === 'publish') {
      if (packet.payload.toString() !== LAST_PAYLOAD) this.#inbox.take(packet);
      else {
        this.#sawLast = true;
        wire.send({ cmd: packet.qos === 1 ? 'puback' : 'pubrec', messageId: packet.messageId! });
      }
    } else if (packet.cmd === 'pubrel') this.#inbox.release(wire, packet);
    else if (packet.cmd === 'puback') this.#onMarker(packet.messageId!);
    else if (packet.cmd !== 'disconnect') this.complain(`was sent ${JSON.stringify(packet)}`);
  }

  #onTaken(value: string, redelivered: boolean): void {
    if (this.#left !== undefined) {
      this.#left.values.push(value);
      this.#left.redelivered.push(redelivered);
      return;
    }
    const queue = queueOf(this.#session);
    const { queues } = this.options.history;
    // What another member was sent before is new to this one, and so not marked.
    const again = redelivered || this.#session.group !== undefined;
    queues.delivered({ queue, value, reader: this.#inbox.reader, redelivered: again });
  }

  #mark(wire: MqttWire): void {
    if (this.#settled.length === 0) return;
    this.#markers += 1;
    this.#marked.set(this.#markers, this.#settled);
    this.#settled = [];
    const messageId = this.#markers;
    wire.send(publishPacket({ topic: MARKER_TOPIC, payload: 'marker', qos: 1, messageId }));
  }

  #onMarker(messageId: number): void {
    const marked = this.#marked.get(messageId) ?? [];
    this.#marked.delete(messageId);
    const settled = marked.filter((each) => each.committedAt === Number.POSITIVE_INFINITY);
    this.options.history.queues.committed(settled);
    this.options.onDone(settled.length);
  }

  async #leave(wire: MqttWire): Promise<void> {
    const { random } = this.options;
    if (random.chance(0.5)) await wire.disconnect();
    else wire.destroy();
    await pause(random.between(0, AWAY_MS_MAX));
  }
}

function queueOf({ clientId, group }: SessionSpec): string {
  return group ?? clientId;
}

/** Behind everything that was published before. */
async function publishLast(port: number, name: string): Promise<void> {
  let answers = 0;
  const wire = await MqttWire.connect({
    port,
    clientId: `last-of-${name}`,
    version: 4,
    clean: true,
    onPacket: ({ cmd }) => {
      if (cmd === 'puback') answers += 1;
    },
  });
  for (const [i, topic] of LAST_TOPICS.entries()) {
    wire.send(publishPacket({ topic, payload: LAST_PAYLOAD, qos: 1, messageId: i + 1 }));
  }
  await until(() => answers === LAST_TOPICS.length || wire.closed !== undefined);
  await wire.disconnect();
}

async function until(isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + LAST_MS_MAX;
  while (!isSo() && Date.now() < deadline) await pause(5);
}

/**
 * Retained messages: one writer that replaces and removes them, one after the other, and a reader that asks for them. The
 * retained message of a topic is a register like the stored position of a group, and is judged as one: a removal writes 0.
 */

import type { History } from '../../../checker/history.ts';
import { MqttWire, type Packet, publishPacket } from '../../../support/mqtt-wire.ts';
import { decodeValue, encodeValue } from '../values.ts';
import { Actor, pause } from './actor.ts';
import { RETAINED_TOPICS } from './topology.ts';

const GROUP = 'retained';
const NONE = 0;
const REMOVE_CHANCE = 0.15;
const PAUSE_MS_MAX = 40;
const ANSWER_MS_MAX = 20_000;
/** A topic that has said nothing for so long has no retained message. */
const QUIET_MS = 1500;

export class RetainedWriter extends Actor {
  #writes = 0;
  #answered: number | undefined;

  protected override async live(): Promise<void> {
    const { name, random } = this.options;
    const onPacket = (packet: Packet) => this.#onPacket(packet);
    const wire = await this.connect({ clientId: name, version: 5, clean: true, onPacket });
    while (!this.stopping && !wire.closed) {
      await this.#write(wire, random.pick(RETAINED_TOPICS));
      await pause(random.between(0, PAUSE_MS_MAX));
    }
    if (wire.closed) throw wire.closed;
    await wire.disconnect();
  }

  async #write(wire: MqttWire, topic: string): Promise<void> {
    const { random, history, onDone } = this.options;
    this.#writes += 1;
    const removes = random.chance(REMOVE_CHANCE);
    const offset = removes ? NONE : this.#writes;
    const payload = removes ? '' : encodeValue(`r${offset}`);
    const commit = history.commit({ group: GROUP, log: topic, offset });
    const messageId = (this.#writes % 60_000) + 1;
    this.#answered = undefined;
    wire.send(publishPacket({ topic, payload, qos: 1, retain: true, messageId }));
    const deadline = Date.now() + ANSWER_MS_MAX;
    while (this.#answered !== messageId && !wire.closed && Date.now() < deadline) await pause(1);
    const ok = this.#answered === messageId;
    history.committed(commit, ok ? 'ok' : 'info');
    if (ok) onDone(1);
    else if (!wire.closed) this.complain(`no answer within ${ANSWER_MS_MAX} ms`);
  }

  #onPacket(packet: Packet): void {
    if (packet.cmd === 'puback') this.#answered = packet.messageId;
    else if (packet.cmd !== 'disconnect') this.complain(`was sent ${JSON.stringify(packet)}`);
  }
}

/** Asks for what is retained, into the history. Resolves with the problems that there were. */
export async function observeRetained(port: number, history: History): Promise<string[]> {
  const problems: string[] = [];
  const missing = new Set(RETAINED_TOPICS);
  const sent = new Set<string>();
  const invokedAt = history.begin();
  const observed = (log: string, offset: number) => {
    missing.delete(log);
    history.observed({ group: GROUP, log, offset, invokedAt });
  };
  const wire = await MqttWire.connect({
    port,
    clientId: 'retained-reader',
    version: 4,
    clean: true,
    onPacket: (packet) => {
      if (packet.cmd !== 'publish') return;
      if (!packet.retain) {
        // Published just now, perhaps in place of what would have been sent.
        missing.delete(packet.topic);
        return;
      }
      const value = decodeValue(packet.payload);
      if (sent.has(packet.topic)) problems.push(`${packet.topic} was sent twice`);
      sent.add(packet.topic);
      if (/^r\d+$/.test(value)) observed(packet.topic, Number(value.slice(1)));
      else problems.push(`${packet.topic} had ${value}`);
    },
  });
  await wire.subscribe([{ topic: 'retained/+', qos: 0 }]);
  const deadline = Date.now() + QUIET_MS;
  while (missing.size > 0 && Date.now() < deadline && !wire.closed) await pause(5);
  if (wire.closed) problems.push(`a reader of retained messages: ${wire.closed}`);
  else for (const topic of missing) observed(topic, NONE);
  await wire.disconnect();
  return problems;
}

/** As long as nothing was written, nothing is retained. */
export function beginRetained(history: History): void {
  for (const log of RETAINED_TOPICS) {
    history.committed(history.commit({ group: GROUP, log, offset: NONE }), 'ok');
  }
}

/**
 * What a subscriber remembers of what it was sent, over its connections and the broker's crashes: with QoS 2 a packet id that
 * is not released yet is the same message again, and is answered without being taken.
 *
 *   PUBLISH ─► taken once ─► PUBREC ── PUBREL ─► forgotten ─► PUBCOMP
 *
 * Answers go out in the order in which the messages came, as the protocol wants it, and as late as the subscriber likes.
 */
import type { QueueHistory, Settlement } from '../../../checker/queue-history.ts';
import type { IPublishPacket, MqttWire, Packet } from '../../../support/mqtt-wire.ts';
import { decodeValue } from '../values.ts';

interface Taken {
  value: string;
  /** Before the end. */
  working: boolean;
  settlement: Settlement | undefined;
}

interface Answer {
  messageId: number;
  qos: 1 | 2;
  value: string;
  working: boolean;
}

export interface InboxOptions {
  /** The name of the session. */
  queue: string;
  history: QueueHistory;
  /** A message was taken. */
  onTaken(value: string, redelivered: boolean): void;
  /** So many acknowledgements are now known to be stored. */
  onCommitted(count: number): void;
  onProblem(problem: string): void;
}

export class Inbox {
  readonly #options: InboxOptions;
  /** QoS 2, not released: by packet id. */
  readonly #taken = new Map<number, Taken>();
  #waiting: Answer[] = [];
  /** The connection of now. */
  reader = '';
  /** False at the end: what comes now was left, and that it is answered says nothing. */
  working = true;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  /** Messages that are not answered yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** A new connection: what was not answered comes again. */
  opened(reader: string): void {
    this.reader = reader;
    this.#waiting = [];
  }

  take({ qos, messageId = 0, payload, dup, topic }: IPublishPacket): void {
    const value = decodeValue(payload);
    const { working } = this;
    const { onTaken, onProblem } = this.#options;
    if (qos === 0) {
      onProblem(`${this.reader}: value ${value} on ${topic} came with QoS 0`);
      return;
    }
    const known = qos === 2 ? this.#taken.get(messageId) : undefined;
    if (known !== undefined && known.value !== value) {
      onProblem(`${this.reader}: id ${messageId} is of ${known.value}, and came with ${value}`);
    }
    if (known !== undefined && !dup) onProblem(`${this.reader}: ${value} came again without DUP`);
    if (known === undefined) {
      if (qos === 2) this.#taken.set(messageId, { value, working, settlement: undefined });
      onTaken(value, dup);
    }
    this.#waiting.push({ messageId, qos, value, working });
  }

  /** Answers up to so many messages. Returns the acknowledgements, whose storing nobody confirms but PUBREL. */
  answer(wire: MqttWire, count: number): Settlement[] {
    const settled: Settlement[] = [];
    for (const { messageId, qos, value, working } of this.#waiting.splice(0, count)) {
      const { history, queue } = this.#options;
      const settle = () => history.settle({ queue, value, reader: this.reader, kind: 'ack' });
      if (qos === 1) {
        if (working) settled.push(settle());
      } else {
        const taken = this.#taken.get(messageId);
        if (taken?.working) {
          taken.settlement ??= settle();
          settled.push(taken.settlement);
        }
      }
      wire.send({ cmd: qos === 1 ? 'puback' : 'pubrec', messageId });
    }
    return settled;
  }

  /** The broker has stored that the message was taken, and will not send it again. */
  release(wire: MqttWire, { messageId = 0 }: Packet): void {
    const taken = this.#taken.get(messageId);
    this.#taken.delete(messageId);
    if (taken?.settlement !== undefined) {
      this.#options.history.committed([taken.settlement]);
      this.#options.onCommitted(1);
    } else if (taken?.working) {
      this.#options.onProblem(`${this.reader}: ${taken.value} was released before it was answered`);
    }
    wire.send({ cmd: 'pubcomp', messageId });
  }
}

/**
 * The two sides of a load at QoS 1 and 2, which answer packets. Of every PUBLISH the first byte is looked at, of
 * one in each read everything but the packet identifier is compared.
 *
 *   QoS 1   publisher  PUBLISH →   ← PUBACK        subscriber  ← PUBLISH   PUBACK →
 *   QoS 2   publisher  PUBLISH →   ← PUBREC        subscriber  ← PUBLISH   PUBREC →
 *                      PUBREL →    ← PUBCOMP                   ← PUBREL    PUBCOMP →
 */
import type { Publishing, Subscribing } from '../lib/live/load.ts';
import type { Wire } from '../lib/live/wire.ts';
import { Acks } from './acks.ts';
import { ACK_BYTES, PUBACK, PUBCOMP, PUBREC, PUBREL, type Qos } from './packets.ts';

export class AckingSubscriber implements Subscribing {
  delivered = 0;
  readonly #acks: Acks;
  readonly #frame: Buffer;
  readonly #idAt: number;
  readonly #answer: number;

  /** `frame`: a PUBLISH as it will come, with any packet identifier, which stands at `idAt`. */
  constructor(wire: Wire, qos: Qos, frame: Buffer, idAt: number) {
    this.#acks = new Acks(wire);
    this.#frame = frame;
    this.#idAt = idAt;
    this.#answer = qos === 1 ? PUBACK : PUBREC;
  }

  readonly read = (buffer: Buffer, start: number, end: number): number => {
    const frameBytes = this.#frame.length;
    const publish = this.#frame[0]!;
    const idAt = this.#idAt;
    const answer = this.#answer;
    const acks = this.#acks;
    let at = start;
    let compared = false;
    while (end - at >= ACK_BYTES) {
      if (buffer[at] === publish) {
        if (end - at < frameBytes) break;
        if (!compared) this.#compare(buffer, at);
        compared = true;
        acks.add(answer, buffer, at + idAt);
        this.delivered += 1;
        at += frameBytes;
      } else if (buffer[at] === PUBREL) {
        acks.add(PUBCOMP, buffer, at + 2);
        at += ACK_BYTES;
      } else throw unexpected('a subscriber', buffer, at);
    }
    acks.flush();
    return at;
  };

  #compare(buffer: Buffer, at: number): void {
    const idAt = this.#idAt;
    const frame = this.#frame;
    const same =
      frame.compare(buffer, at, at + idAt, 0, idAt) === 0 &&
      frame.compare(buffer, at + idAt + 2, at + frame.length, idAt + 2) === 0;
    if (!same) throw unexpected('a subscriber', buffer, at);
  }
}

export class AckedPublisher implements Publishing {
  confirmed = 0;
  readonly ring: Buffer;
  readonly unitBytes: number;
  readonly #acks: Acks;
  readonly #confirms: number;

  constructor(wire: Wire, qos: Qos, ring: Buffer, unitBytes: number) {
    this.ring = ring;
    this.unitBytes = unitBytes;
    this.#acks = new Acks(wire);
    this.#confirms = qos === 1 ? PUBACK : PUBCOMP;
  }

  readonly read = (buffer: Buffer, start: number, end: number): number => {
    const confirms = this.#confirms;
    let at = start;
    for (; end - at >= ACK_BYTES; at += ACK_BYTES) {
      if (buffer[at + 1] !== 2) throw unexpected('a publisher', buffer, at);
      if (buffer[at] === confirms) this.confirmed += 1;
      else if (buffer[at] === PUBREC) this.#acks.add(PUBREL, buffer, at + 2);
      else throw unexpected('a publisher', buffer, at);
    }
    this.#acks.flush();
    return at;
  };
}

function unexpected(who: string, buffer: Buffer, at: number): Error {
  return new Error(`${who} was sent ${buffer.toString('hex', at, at + 32)}`);
}

/**
 * What a connection owes its client until the journal has come so far: PUBACK, PUBREC, PUBREL and PUBCOMP, in the order in
 * which they fell due.
 *
 *   add ──► [ack, reason, packet id | position] … ──► the first one's position is committed: it leaves, the next is looked at
 *
 * Positions mostly grow, so one commit answers a whole run of packets. One whose message is on its way to a stream has no
 * position until the stream has it, and everything behind it waits: answers never overtake one another.
 */
import { PUBACK } from './codec/index.ts';

const RING_MIN = 16;
/** One for every packet id: who has more without an answer uses an id twice. */
export const ANSWERS_MAX = 65_536;

/** Its position is not known yet. */
export const NOT_YET: number = Number.POSITIVE_INFINITY;

export class Answers {
  /** `first byte << 24 | reason << 16 | packet id` */
  #words: Int32Array = new Int32Array(RING_MIN);
  #positions: Float64Array = new Float64Array(RING_MIN);
  /** Counts all that were ever taken; with the mask it is the place of the oldest. */
  #head = 0;
  #tail = 0;
  /** PUBACKs among them. */
  #pubacks = 0;

  get length(): number {
    return this.#tail - this.#head;
  }

  get pubacks(): number {
    return this.#pubacks;
  }

  /** `first` is the first byte of the packet, as `writeAck` wants it. Returns a ticket for `settle`. */
  add(first: number, packetId: number, reason: number, position: number): number {
    if (this.length === this.#words.length) this.#grow();
    const at = this.#tail & (this.#words.length - 1);
    this.#words[at] = (first << 24) | (reason << 16) | packetId;
    this.#positions[at] = position;
    if (first === PUBACK) this.#pubacks += 1;
    this.#tail += 1;
    return this.#tail - 1;
  }

  /** The answer that was given that ticket has a position now, and perhaps another reason. It is still to leave. */
  settle(ticket: number, position: number, reason?: number): void {
    if (ticket < this.#head) throw new Error(`answer ${ticket} has left without its position`);
    const at = ticket & (this.#words.length - 1);
    this.#positions[at] = position;
    if (reason !== undefined) {
      this.#words[at] = (this.#words[at]! & ~0xff_0000) | (reason << 16);
    }
  }

  /** The next answer that may leave, as `first byte << 24 | reason << 16 | packet id`; -1 if there is none. */
  take(committed: number): number {
    if (this.#head === this.#tail) return -1;
    const at = this.#head & (this.#words.length - 1);
    if (this.#positions[at]! > committed) return -1;
    const word = this.#words[at]!;
    this.#head += 1;
    if (word >>> 24 === PUBACK) this.#pubacks -= 1;
    return word;
  }

  #grow(): void {
    const size = this.#words.length;
    const words = new Int32Array(size * 2);
    const positions = new Float64Array(size * 2);
    for (let ticket = this.#head; ticket < this.#tail; ticket++) {
      words[ticket & (size * 2 - 1)] = this.#words[ticket & (size - 1)]!;
      positions[ticket & (size * 2 - 1)] = this.#positions[ticket & (size - 1)]!;
    }
    this.#words = words;
    this.#positions = positions;
  }
}

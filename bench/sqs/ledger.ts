/**
 * What became of every message of a load, by its number: sent, received once and only once, in FIFO queues in the order
 * of its group. Counts what was answered, and collects latencies.
 */
import { Latencies } from '../lib/statistics.ts';

const SENT = 1;
const RECEIVED = 2;
const STATES_MIN = 1 << 16;

export class Ledger {
  /** Messages whose sending was begun, and was answered. */
  begun = 0;
  sent = 0;
  received = 0;
  deleted = 0;
  /** Answered requests of all kinds. */
  requests = 0;
  readonly latencies = new Latencies();
  /** Message number n belongs to group n % groups; 0 in standard queues. */
  readonly groups: number;
  readonly #lastOfGroup: Int32Array;
  #states = new Uint8Array(STATES_MIN);

  constructor(groups: number) {
    this.groups = groups;
    this.#lastOfGroup = new Int32Array(groups).fill(-1);
  }

  groupOf(number: number): number {
    return this.groups === 0 ? 0 : number % this.groups;
  }

  begin(number: number): void {
    if (number >= this.#states.length) {
      const larger = new Uint8Array(Math.max(number + 1, this.#states.length * 2));
      larger.set(this.#states);
      this.#states = larger;
    }
    this.#states[number] = SENT;
    this.begun += 1;
  }

  receive(number: number): void {
    const state = this.#states[number];
    if (state !== SENT) {
      const what = state === RECEIVED ? 'came again' : 'came and was never sent';
      throw new Error(`message ${number} ${what}`);
    }
    this.#states[number] = RECEIVED;
    this.received += 1;
    if (this.groups > 0) this.#checkOrder(number);
  }

  #checkOrder(number: number): void {
    const group = this.groupOf(number);
    const last = this.#lastOfGroup[group]!;
    if (number < last) throw new Error(`message ${number} came after ${last} of its group`);
    this.#lastOfGroup[group] = number;
  }
}

/**
 * Packet ids of live messages that the client has not answered yet, and what it is to answer. Nothing but that is known of
 * them, so an id is one slot of two small tables:
 *
 *   slot(id) ──► ids     which id has the slot, 0: none
 *           └──► awaits  what the client is to answer
 *
 * An id has one slot only. One whose slot is taken counts as in use, although it may not be: there are always others. Ids are spread
 * over the slots, and there are at least twice as many slots as ids in use, so that a given id is mostly free. The tables
 * are as large as what was under way at once; a client that gets nothing of QoS 1 or 2 has none.
 */
import { type Awaits, PACKET_ID_MAX } from './inflight.ts';

const SLOTS_MIN = 16;
/** Every id then has a slot of its own. */
const SLOTS_MAX = 65_536;
/** Spreads ids that follow each other in steps (Knuth, The Art of Computer Programming 3, §6.4). */
const SPREAD = 40_503;
const ID_BITS = 16;
const NO_IDS = new Uint16Array(0);
const NO_AWAITS = new Uint8Array(0);

export class LiveInflight {
  #ids: Uint16Array = NO_IDS;
  #awaits: Uint8Array = NO_AWAITS;
  #shift = ID_BITS;
  #size = 0;
  #lastId = 0;

  get size(): number {
    return this.#size;
  }

  /** Takes the id, from 1 to 65,535; false if it is in use. */
  take(packetId: number, awaits: Awaits): boolean {
    const slots = this.#ids.length;
    if (this.#size * 2 >= slots && slots < SLOTS_MAX) this.#grow();
    const slot = this.#slot(packetId);
    if (this.#ids[slot] !== 0) return false;
    this.#ids[slot] = packetId;
    this.#awaits[slot] = awaits;
    this.#size += 1;
    return true;
  }

  /** Takes any id that is free; there must be one. */
  takeAny(awaits: Awaits): number {
    let id = this.#lastId;
    do id = id === PACKET_ID_MAX ? 1 : id + 1;
    while (!this.take(id, awaits));
    this.#lastId = id;
    return id;
  }

  /** What is awaited for the id; undefined if nothing is. */
  awaits(packetId: number): Awaits | undefined {
    const slot = this.#slot(packetId);
    return this.#ids[slot] === packetId ? (this.#awaits[slot] as Awaits) : undefined;
  }

  /** Something else is awaited now for an id that is in use. */
  change(packetId: number, awaits: Awaits): void {
    this.#awaits[this.#slot(packetId)] = awaits;
  }

  /** The id is free again; it must be in use. */
  free(packetId: number): void {
    this.#ids[this.#slot(packetId)] = 0;
    this.#size -= 1;
  }

  #slot(packetId: number): number {
    return ((packetId * SPREAD) & PACKET_ID_MAX) >>> this.#shift;
  }

  /** Ids that had slots of their own have them in twice as many, too. */
  #grow(): void {
    const [ids, awaits] = [this.#ids, this.#awaits];
    const slots = Math.max(SLOTS_MIN, ids.length * 2);
    this.#ids = new Uint16Array(slots);
    this.#awaits = new Uint8Array(slots);
    this.#shift = ID_BITS - Math.log2(slots);
    for (const [slot, id] of ids.entries()) {
      if (id === 0) continue;
      const moved = this.#slot(id);
      this.#ids[moved] = id;
      this.#awaits[moved] = awaits[slot]!;
    }
  }
}

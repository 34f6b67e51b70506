/**
 * Messages of a stored session at QoS 1 and 2 that were sent to its client and are not over yet, by packet id.
 *
 *                     PUBACK
 *   QoS 1   puback ───────────────────────────────────────────────► gone
 *
 *                     PUBREC              committed       PUBCOMP
 *   QoS 2   pubrec ───────────► pubcomp ─────────► PUBREL ────────► gone
 *
 * Ids follow from the message's place in the stored queue (`packetIdOf`), so that the same message has the same id after a
 * crash, and the client's own table knows it again. Those of live messages are in `live-inflight.ts`.
 * An entry is a number in a map: its state, and the row of the queue that holds the message. Once the message is done with, it
 * is the position that the journal must have come to before PUBREL may leave.
 */
import { NO_ROW } from '../../core/queue/rows.ts';

export const PACKET_ID_MAX = 65_535;

/** What the client is to answer. */
export const AWAITS = { puback: 1, pubrec: 2, pubcomp: 3 } as const;
export type Awaits = (typeof AWAITS)[keyof typeof AWAITS];

const STATES = 4;

/** The packet id of the message with that `seq` in a stored queue. */
export function packetIdOf(seq: number): number {
  return (seq % PACKET_ID_MAX) + 1;
}

export class Inflight {
  /** `(row + 1) * 4 + state`, in the order in which they were sent; a position in place of the row where PUBCOMP is awaited. */
  readonly #entries = new Map<number, number>();

  get size(): number {
    return this.#entries.size;
  }

  has(packetId: number): boolean {
    return this.#entries.has(packetId);
  }

  set(packetId: number, awaits: Awaits, row: number = NO_ROW): void {
    this.#entries.set(packetId, (row + 1) * STATES + awaits);
  }

  /** What is awaited for the id; undefined if nothing is. */
  awaits(packetId: number): Awaits | undefined {
    const entry = this.#entries.get(packetId);
    return entry === undefined ? undefined : ((entry % STATES) as Awaits);
  }

  /** The row that holds the message, or `NO_ROW`; the position if PUBCOMP is awaited. */
  row(packetId: number): number {
    const entry = this.#entries.get(packetId);
    return entry === undefined ? NO_ROW : Math.floor(entry / STATES) - 1;
  }

  delete(packetId: number): boolean {
    return this.#entries.delete(packetId);
  }

  /** In the order in which they were sent. Entries may be deleted meanwhile. */
  forEach(visit: (packetId: number, awaits: Awaits, row: number) => void): void {
    for (const [packetId, entry] of this.#entries) {
      visit(packetId, (entry % STATES) as Awaits, Math.floor(entry / STATES) - 1);
    }
  }
}

/**
 * Which events there are in one partition: per stream the offsets of its events, so the version is the length of the list. A
 * function of the records it was shown, in order (`event-record.ts`).
 */
import { BrokerError } from '../errors.ts';
import type { EventClaim } from './event-record.ts';

/** Memory that the indexes of all stores share. */
export interface IndexBudget {
  bytes: number;
  readonly bytesMax: number;
}

const EVENT_BYTES = 8;
/** Entry of the map, list, and the text's own overhead. */
const STREAM_BYTES = 200;

export class StoreIndex {
  readonly #streams = new Map<string, number[]>();
  readonly #budget: IndexBudget;
  #bytes = 0;
  #lastStream = '';
  /** The offset of the newest record that counted; -1: none. */
  lastOffset = -1;

  constructor(budget: IndexBudget) {
    this.#budget = budget;
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  version(stream: string): number {
    return this.#streams.get(stream)?.length ?? 0;
  }

  /** Offsets by version - 1; do not change it. */
  offsets(stream: string): readonly number[] {
    return this.#streams.get(stream) ?? [];
  }

  /** Shows it the next record. True if it counts. Throws `limit-reached`. */
  apply(offset: number, stream: string, claim: EventClaim): boolean {
    if (claim.version === this.version(stream) + 1) this.checkRoom(stream, 1);
    return this.applyOwn(offset, stream, claim);
  }

  /** The same for what `checkRoom` was asked before it was appended: what is stored by now is not refused any more. */
  applyOwn(offset: number, stream: string, claim: EventClaim): boolean {
    const known = this.#streams.get(stream);
    if (claim.version !== (known?.length ?? 0) + 1) return false;
    if (claim.joined && (this.lastOffset !== offset - 1 || this.#lastStream !== stream)) {
      return false;
    }
    this.#take(known === undefined ? stream : undefined);
    if (known === undefined) this.#streams.set(stream, [offset]);
    else known.push(offset);
    this.#lastStream = stream;
    this.lastOffset = offset;
    return true;
  }

  /** Throws `limit-reached` if so many events more would not fit. */
  checkRoom(stream: string, count: number): void {
    const fresh = this.#streams.has(stream) ? 0 : STREAM_BYTES + 2 * stream.length;
    if (this.#budget.bytes + fresh + EVENT_BYTES * count > this.#budget.bytesMax)
      throw this.#full();
  }

  clear(): void {
    this.#streams.clear();
    this.#budget.bytes -= this.#bytes;
    this.#bytes = 0;
  }

  #take(newStream: string | undefined): void {
    const bytes = EVENT_BYTES + (newStream === undefined ? 0 : STREAM_BYTES + 2 * newStream.length);
    this.#budget.bytes += bytes;
    this.#bytes += bytes;
  }

  #full(): BrokerError {
    return new BrokerError(
      'limit-reached',
      `the indexes of event stores may use ${this.#budget.bytesMax} bytes of memory (8 per event, some 200 per stream); ` +
        'raise eventLog.indexBytesMax, or put old streams into a store of their own',
    );
  }
}

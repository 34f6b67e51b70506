/**
 * The two sides of a load. Frames are found by their last octet, which no payload here holds, and the command of
 * each is looked at; of one message in each read the body is compared.
 */
import type { Publishing, Subscribing } from '../lib/live/load.ts';
import type { Wire } from '../lib/live/wire.ts';
import { LINE_FEED, NUL } from './frames.ts';

const MESSAGE = 0x4d;
const RECEIPT = 0x52;
const ACK_HEADER = Buffer.from('\nack:');
const ACK_START = Buffer.from('ACK\nid:');
const ACK_END = Buffer.from('\n\n\0');
const ACKS_BYTES = 64 * 1024;
const ACK_ID_BYTES_MAX = 512;

export class StompSubscriber implements Subscribing {
  delivered = 0;
  readonly #wire: Wire;
  readonly #payload: Buffer;
  readonly #acks: boolean;
  #chunk: Buffer = Buffer.allocUnsafeSlow(ACKS_BYTES);
  #from = 0;
  #at = 0;

  constructor(wire: Wire, payload: Buffer, acks: boolean) {
    this.#wire = wire;
    this.#payload = payload;
    this.#acks = acks;
  }

  readonly read = (buffer: Buffer, start: number, end: number): number => {
    let at = start;
    let compared = false;
    while (at < end) {
      if (buffer[at] === LINE_FEED) {
        at += 1;
        continue;
      }
      const nul = endOfFrame(buffer, at, end);
      if (nul < 0) break;
      if (buffer[at] !== MESSAGE) throw unexpected('a subscriber', buffer, at, nul);
      if (!compared) this.#compare(buffer, at, nul);
      compared = true;
      if (this.#acks) this.#ack(buffer, at, nul);
      this.delivered += 1;
      at = nul + 1;
    }
    this.#flush();
    return at;
  };

  #compare(buffer: Buffer, at: number, nul: number): void {
    const from = nul - this.#payload.length;
    if (from > at && this.#payload.compare(buffer, from, nul) === 0) return;
    throw unexpected('a subscriber', buffer, at, nul);
  }

  #ack(buffer: Buffer, at: number, nul: number): void {
    const header = buffer.indexOf(ACK_HEADER, at);
    if (header < 0 || header > nul) throw unexpected('a subscriber', buffer, at, nul);
    const id = header + ACK_HEADER.length;
    const idEnd = buffer.indexOf(LINE_FEED, id);
    if (idEnd - id > ACK_ID_BYTES_MAX) throw unexpected('a subscriber', buffer, at, nul);
    if (this.#at + ACK_ID_BYTES_MAX * 2 > ACKS_BYTES) {
      this.#flush();
      this.#chunk = Buffer.allocUnsafeSlow(ACKS_BYTES);
      this.#from = 0;
      this.#at = 0;
    }
    this.#at += ACK_START.copy(this.#chunk, this.#at);
    this.#at += buffer.copy(this.#chunk, this.#at, id, idEnd);
    this.#at += ACK_END.copy(this.#chunk, this.#at);
  }

  #flush(): void {
    if (this.#at === this.#from) return;
    this.#wire.socket.write(this.#chunk.subarray(this.#from, this.#at));
    this.#from = this.#at;
  }
}

export class StompPublisher implements Publishing {
  readonly ring: Buffer;
  readonly unitBytes: number;
  #receipts = 0;
  readonly #waits: boolean;

  constructor(ring: Buffer, unitBytes: number, waits: boolean) {
    this.ring = ring;
    this.unitBytes = unitBytes;
    this.#waits = waits;
  }

  get confirmed(): number | undefined {
    return this.#waits ? this.#receipts : undefined;
  }

  readonly read = (buffer: Buffer, start: number, end: number): number => {
    let at = start;
    while (at < end) {
      if (buffer[at] === LINE_FEED) {
        at += 1;
        continue;
      }
      const nul = endOfFrame(buffer, at, end);
      if (nul < 0) break;
      if (buffer[at] !== RECEIPT) throw unexpected('a publisher', buffer, at, nul);
      this.#receipts += 1;
      at = nul + 1;
    }
    return at;
  };
}

/** Beyond `end` stands what was read before. */
function endOfFrame(buffer: Buffer, at: number, end: number): number {
  const nul = buffer.indexOf(NUL, at);
  return nul < end ? nul : -1;
}

function unexpected(who: string, buffer: Buffer, at: number, nul: number): Error {
  return new Error(`${who} was sent ${JSON.stringify(buffer.toString('utf8', at, nul))}`);
}

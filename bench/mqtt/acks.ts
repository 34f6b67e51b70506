import type { Wire } from '../lib/live/wire.ts';
import { ACK_BYTES } from './packets.ts';

const CHUNK_BYTES = 64 * 1024;

/** Acknowledgements of one read, gathered into one write. Nothing that was written is written over. */
export class Acks {
  readonly #wire: Wire;
  #chunk: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #from = 0;
  #at = 0;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** The identifier is copied from where it was read. */
  add(type: number, buffer: Buffer, idAt: number): void {
    if (this.#at + ACK_BYTES > CHUNK_BYTES) {
      this.flush();
      this.#chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
      this.#from = 0;
      this.#at = 0;
    }
    const chunk = this.#chunk;
    const at = this.#at;
    chunk[at] = type;
    chunk[at + 1] = 2;
    chunk[at + 2] = buffer[idAt]!;
    chunk[at + 3] = buffer[idAt + 1]!;
    this.#at = at + ACK_BYTES;
  }

  flush(): void {
    if (this.#at === this.#from) return;
    this.#wire.socket.write(this.#chunk.subarray(this.#from, this.#at));
    this.#from = this.#at;
  }
}

/**
 * The content of one file on the simulated disk: what the page cache has, and what the platter has.
 * Sectors of 512 bytes that were written since the last sync are dirty; a power cut decides about each.
 */
import type { Random } from '../random.ts';

export const SECTOR_BYTES = 512;

export class SimulatedFile {
  #live: Buffer = Buffer.alloc(0);
  #durable: Buffer = Buffer.alloc(0);
  size = 0;
  #durableSize = 0;
  readonly #dirty = new Set<number>();
  /** Sectors of syncs that have not ended. */
  readonly #inFlight = new Set<number[]>();

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    this.#live = grown(this.#live, end);
    this.#live.set(bytes, position);
    if (end > this.size) this.size = end;
    this.#markDirty(position, end);
  }

  read(target: Uint8Array, offset: number, length: number, position: number): number {
    const count = Math.max(0, Math.min(length, this.size - position));
    target.set(this.#live.subarray(position, position + count), offset);
    return count;
  }

  content(): Buffer {
    return Buffer.from(this.#live.subarray(0, this.size));
  }

  truncate(size: number): void {
    this.#live = grown(this.#live, size);
    this.#live.fill(0, Math.min(size, this.size), Math.max(size, this.size));
    this.#markDirty(Math.min(size, this.size), Math.max(size, this.size));
    this.size = size;
  }

  /** What a sync that begins now will have made durable when it ends. */
  beginSync(): () => void {
    const sectors = [...this.#dirty].map((sector) => {
      const start = sector * SECTOR_BYTES;
      return { start, bytes: Buffer.from(this.#live.subarray(start, start + SECTOR_BYTES)) };
    });
    const { size } = this;
    const inFlight = [...this.#dirty];
    this.#inFlight.add(inFlight);
    this.#dirty.clear();
    return () => {
      this.#inFlight.delete(inFlight);
      for (const { start, bytes } of sectors) {
        this.#durable = grown(this.#durable, start + bytes.length);
        this.#durable.set(bytes, start);
      }
      this.#durableSize = size;
    };
  }

  /** A power cut: every sector that is not synced is kept, lost or torn. */
  crash(random: Random): void {
    const sizes = [this.#durableSize, this.size, this.#durableSize];
    let size = sizes[random.integer(3)]!;
    if (this.size > this.#durableSize && random.integer(2) === 0) {
      size = this.#durableSize + random.integer(this.size - this.#durableSize + 1);
    }
    const after = Buffer.alloc(Math.max(size, this.#durableSize, this.size) + SECTOR_BYTES);
    this.#durable.copy(after, 0, 0, Math.min(this.#durable.length, this.#durableSize));
    for (const sector of new Set([...this.#dirty, ...[...this.#inFlight].flat()])) {
      const start = sector * SECTOR_BYTES;
      const fate = random.integer(3);
      if (fate === 0) continue;
      const kept = fate === 1 ? SECTOR_BYTES : random.integer(SECTOR_BYTES);
      this.#live.copy(after, start, start, Math.min(start + kept, this.size));
    }
    after.fill(0, size);
    this.#live = after;
    this.size = size;
    this.settle();
  }

  /** Everything as it is counts as durable from now on. */
  settle(): void {
    this.#durable = Buffer.from(this.#live);
    this.#durableSize = this.size;
    this.#dirty.clear();
    this.#inFlight.clear();
  }

  #markDirty(start: number, end: number): void {
    const last = Math.ceil(end / SECTOR_BYTES);
    for (let sector = Math.floor(start / SECTOR_BYTES); sector < last; sector++) {
      this.#dirty.add(sector);
    }
  }
}

function grown(buffer: Buffer, length: number): Buffer {
  if (buffer.length >= length) return buffer;
  const larger = Buffer.alloc(Math.max(length, buffer.length * 2, 4096));
  buffer.copy(larger);
  return larger;
}

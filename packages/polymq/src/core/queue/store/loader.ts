/**
 * Brings extents back into memory. Whoever wants the same one shares the reading. What is damaged is a hole: its rows
 * are lost, the others are served.
 */
import { type ArenaPool, arenaSize, release } from '../../../lib/arena.ts';
import { batchBaseOffset, batchBytes, batchNextOffset } from '../../../log/batch.ts';
import { DamagedRangeError, type Log } from '../../../log/log.ts';
import { fromLogError } from '../../log-errors.ts';
import type { Extent, Extents } from './extents.ts';

const READ_BYTES = 1 << 20;

/** What has been read so far of one extent. */
interface Reading {
  buffer: Buffer;
  used: number;
  bases: number[];
  starts: number[];
  offset: number;
}

export class Loader {
  readonly #log: Log;
  readonly #extents: Extents;
  readonly #pool: ArenaPool;
  loadCount = 0;
  /** Called when there is more in memory. */
  onLoaded: () => void = () => undefined;

  constructor(log: Log, extents: Extents, pool: ArenaPool) {
    this.#log = log;
    this.#extents = extents;
    this.#pool = pool;
  }

  /** The extent has memory when it resolves, unless nobody needs it any more. Rejects with `BrokerError`. */
  load(extent: Extent): Promise<void> {
    extent.loading ??= this.#load(extent).finally(() => {
      extent.loading = undefined;
    });
    return extent.loading;
  }

  async #load(extent: Extent): Promise<void> {
    const reading: Reading = {
      buffer: this.#pool.take(this.#sizeFor(extent.bytes)),
      used: 0,
      bases: [],
      starts: [],
      offset: Math.max(extent.base, this.#log.start),
    };
    try {
      while (reading.offset < extent.end && extent.liveRows > 0) await this.#read(extent, reading);
    } catch (error) {
      release(reading.buffer);
      throw fromLogError(error);
    }
    if (extent.liveRows === 0 || extent.buffer !== undefined) {
      release(reading.buffer);
      return;
    }
    this.loadCount++;
    this.#extents.setLoaded(extent, reading.buffer, reading.bases, reading.starts);
    this.onLoaded();
  }

  async #read(extent: Extent, reading: Reading): Promise<void> {
    const from = reading.offset;
    try {
      const read = await this.#log.read(from, READ_BYTES, true);
      for (const buffer of read.buffers) {
        this.#take(extent, reading, buffer);
        release(buffer);
      }
      if (reading.offset === from) throw new Error(`nothing to read at offset ${from}`);
    } catch (error) {
      if (!(error instanceof DamagedRangeError)) throw error;
      reading.bases.push(from);
      reading.starts.push(-1);
      reading.offset = Math.max(error.nextOffset, from + 1);
    }
  }

  #take(extent: Extent, reading: Reading, buffer: Buffer): void {
    for (let at = 0; at < buffer.length && reading.offset < extent.end; ) {
      const bytes = batchBytes(buffer, at);
      this.#makeRoom(reading, bytes);
      reading.bases.push(batchBaseOffset(buffer, at));
      reading.starts.push(reading.used);
      buffer.copy(reading.buffer, reading.used, at, at + bytes);
      reading.used += bytes;
      reading.offset = batchNextOffset(buffer, at);
      at += bytes;
    }
  }

  #makeRoom(reading: Reading, bytes: number): void {
    if (reading.used + bytes <= reading.buffer.length) return;
    const larger = this.#pool.take(this.#sizeFor(reading.used + bytes));
    reading.buffer.copy(larger, 0, 0, reading.used);
    release(reading.buffer);
    reading.buffer = larger;
  }

  #sizeFor(bytes: number): number {
    return arenaSize(bytes, this.#extents.arenaBytes);
  }
}

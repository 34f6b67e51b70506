/**
 * Produce requests for the latency load, built beforehand and used again: only the records' numbers and the
 * checksum change. Building each anew would keep the generator's own garbage collector busy, and its pauses would
 * be counted as the broker's.
 */
import { crc32c } from '../../packages/polymq/src/lib/crc32c.ts';
import { produceRequest, recordBatch } from './frames.ts';

/** A frame is not touched again before so many others of its size were sent: by then the socket has it. */
const RING_LENGTH = 256;
/** Within a batch: see `log/batch.ts`. */
const CRC_AT = 17;
const CHECKED_AT = 21;
/** What no record holds by chance: found again to learn where the values are. */
const MARK = Buffer.from('d1e4b2a7c3f59608', 'hex');

interface Frame {
  bytes: Buffer;
  batchAt: number;
  valuesAt: number[];
}

interface Ring {
  frames: Frame[];
  next: number;
}

export class LatencyFrames {
  readonly #topic: string;
  readonly #recordBytes: number;
  readonly #rings = new Map<number, Ring>();

  constructor(topic: string, recordBytes: number) {
    this.#topic = topic;
    this.#recordBytes = recordBytes;
  }

  /** A request with the records `first`, `first + 1`, …; valid until a few hundred others were asked for. */
  request(first: number, recordCount: number): Buffer {
    const { bytes, batchAt, valuesAt } = this.#next(recordCount);
    for (const [i, at] of valuesAt.entries()) bytes.writeDoubleBE(first + i, at);
    const crc = crc32c(bytes, batchAt + CHECKED_AT, bytes.length);
    bytes.writeUInt32BE(crc, batchAt + CRC_AT);
    return bytes;
  }

  #next(recordCount: number): Frame {
    let ring = this.#rings.get(recordCount);
    if (ring === undefined) {
      ring = { frames: [], next: 0 };
      this.#rings.set(recordCount, ring);
    }
    if (ring.frames.length < RING_LENGTH) {
      const frame = this.#build(recordCount);
      ring.frames.push(frame);
      return frame;
    }
    const frame = ring.frames[ring.next]!;
    ring.next = (ring.next + 1) % RING_LENGTH;
    return frame;
  }

  #build(recordCount: number): Frame {
    const shape = { recordBytes: this.#recordBytes, recordCount };
    const batch = recordBatch(shape, (value) => MARK.copy(value));
    const bytes = produceRequest(this.#topic, [0], batch);
    const valuesAt: number[] = [];
    for (let at = bytes.indexOf(MARK); at >= 0; at = bytes.indexOf(MARK, at + MARK.length)) {
      valuesAt.push(at);
    }
    if (valuesAt.length !== recordCount) throw new Error('a value holds the mark by chance');
    return { bytes, batchAt: bytes.length - batch.length, valuesAt };
  }
}

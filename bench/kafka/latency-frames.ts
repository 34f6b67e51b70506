/**
 * Produce requests for the latency load, built beforehand and used again: only the records' numbers and the
 * checksum change. Building each anew would keep the generator's own garbage collector busy, and its pauses would
 * be counted as the broker's.
 */
import { crc32c } from '../../packages/polymq/src/lib/crc32c.ts';
import { produceRequest, recordBatch } from './frames.ts';

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

export class LatencyFrames {
  readonly #topic: string;
  readonly #recordBytes: number;
  readonly #frames = new Map<number, Frame>();

  constructor(topic: string, recordBytes: number) {
    this.#topic = topic;
    this.#recordBytes = recordBytes;
  }

  /**
   * A request with the records `first`, `first + 1`, …. `isSent`: all earlier ones have left this process, so that
   * their memory may be used.
   */
  request(first: number, recordCount: number, isSent: boolean): Buffer {
    const { bytes, batchAt, valuesAt } = this.#frame(recordCount, isSent);
    for (const [i, at] of valuesAt.entries()) bytes.writeDoubleBE(first + i, at);
    const crc = crc32c(bytes, batchAt + CHECKED_AT, bytes.length);
    bytes.writeUInt32BE(crc, batchAt + CRC_AT);
    return bytes;
  }

  #frame(recordCount: number, isSent: boolean): Frame {
    let frame = this.#frames.get(recordCount);
    if (frame === undefined || !isSent) {
      frame = this.#build(recordCount);
      this.#frames.set(recordCount, frame);
    }
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

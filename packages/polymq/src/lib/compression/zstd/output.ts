import { type DecompressionError, malformed, tooLarge } from '../decompression-error.ts';

/**
 * What was expanded so far. The memory is as large as the frames claim or can expand to, but never
 * larger than the limit.
 */
export class Output {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Where the next byte goes. */
  at = 0;
  /** The first byte that a match may refer to. */
  frameStart = 0;
  readonly #buffer: Buffer;
  readonly #bytesMax: number;

  constructor(capacity: number, bytesMax: number) {
    this.#buffer = Buffer.allocUnsafeSlow(capacity);
    // A plain array: the loops over it shall see one kind of object everywhere.
    this.bytes = new Uint8Array(this.#buffer.buffer, this.#buffer.byteOffset, capacity);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, capacity);
    this.#bytesMax = bytesMax;
  }

  /** Where the block that starts now must end at the latest. */
  blockEndMax(blockBytesMax: number): number {
    return Math.min(this.at + blockBytesMax, this.bytes.length);
  }

  /** The error for a block that grows beyond `blockEndMax`. */
  overflow(blockEndMax: number): DecompressionError {
    return blockEndMax >= this.#bytesMax
      ? tooLarge('zstd', this.#bytesMax)
      : malformed('zstd block expands beyond its maximum');
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.at);
  }
}

/**
 * Counts frames that are all alike by counting bytes: the cheapest way to read, for the fan-outs that no generator
 * could follow otherwise. In every read the first frame's worth of bytes is compared with what should be there, so bytes
 * left out, doubled or damaged are found within a read or, at the latest, when the counts do not come out even.
 */
export class PatternReader {
  readonly #frameBytes: number;
  /** Twice, so that a comparison may begin anywhere in it. */
  readonly #pattern: Buffer;
  #bytes = 0;

  constructor(frame: Buffer) {
    this.#frameBytes = frame.length;
    this.#pattern = Buffer.concat([frame, frame]);
  }

  /** Whole frames so far. */
  get frames(): number {
    return Math.floor(this.#bytes / this.#frameBytes);
  }

  read(buffer: Buffer, start: number, end: number): number {
    const phase = this.#bytes % this.#frameBytes;
    const length = Math.min(end - start, this.#frameBytes);
    if (this.#pattern.compare(buffer, start, start + length, phase, phase + length) !== 0) {
      const found = buffer.toString('latin1', start, Math.min(end, start + 200));
      throw new Error(`this is not what was published: ${JSON.stringify(found)}`);
    }
    this.#bytes += end - start;
    return end;
  }
}

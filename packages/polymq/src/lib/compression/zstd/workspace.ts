/**
 * The memory of the decoder, in which every frame is decoded in turn. Decoding is synchronous and
 * never nested, so that one workspace serves the whole process.
 *
 * A block is copied to `block` at `PAD_BYTES` first: bit streams are read a word at a time and may
 * look a few bytes past either end of it.
 */
import { PAD_BYTES } from './bit-reader.ts';
import type { Span } from './copy.ts';
import { BLOCK_BYTES_MAX } from './frame.ts';
import { HuffmanTable } from './huffman-table.ts';
import { FIRST_OFFSETS, type RepeatOffsets } from './repeat-offsets.ts';
import { LITERAL_LENGTH_CODES, MATCH_LENGTH_CODES, OFFSET_CODES } from './sequence-codes.ts';
import { SequenceTables } from './sequence-table.ts';

export class Workspace {
  readonly block: Span = memory(PAD_BYTES + BLOCK_BYTES_MAX + PAD_BYTES);
  readonly literals: Span = memory(BLOCK_BYTES_MAX + PAD_BYTES);
  readonly huffman: HuffmanTable = new HuffmanTable();
  readonly literalLengths: SequenceTables = new SequenceTables(LITERAL_LENGTH_CODES);
  readonly offsets: SequenceTables = new SequenceTables(OFFSET_CODES);
  readonly matchLengths: SequenceTables = new SequenceTables(MATCH_LENGTH_CODES);
  readonly repeats: RepeatOffsets = [...FIRST_OFFSETS];

  /** Forgets what one frame's blocks hand on to the next block. */
  startFrame(): void {
    this.huffman.clear();
    this.literalLengths.clear();
    this.offsets.clear();
    this.matchLengths.clear();
    this.repeats[0] = FIRST_OFFSETS[0];
    this.repeats[1] = FIRST_OFFSETS[1];
    this.repeats[2] = FIRST_OFFSETS[2];
  }
}

function memory(size: number): Span {
  const bytes = new Uint8Array(size);
  return { bytes, view: new DataView(bytes.buffer) };
}

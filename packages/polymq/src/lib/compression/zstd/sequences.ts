/**
 * The sequences section of a compressed block (RFC 8878 §3.1.1.3.2):
 *
 *   count, 1 to 3 bytes │ modes │ [literal length table] │ [offset table] │ [match length table]
 *   │ bit stream
 *
 *   count   b0 < 128: b0; b0 < 255: (b0 - 128) << 8 | b1; else (b1 | b2 << 8) + 0x7f00
 *   modes   bits 7-6 literal lengths, 5-4 offsets, 3-2 match lengths, 1-0 reserved
 *
 * A count of 0 ends the section. No output is bounded by the count: it may claim 98,047 sequences
 * that take no bit at all, so `runSequences` stops at the end of the output that it was given.
 */
import { malformed } from '../decompression-error.ts';
import type { Workspace } from './workspace.ts';

export interface SequencesHeader {
  readonly count: number;
  /** Where the bit stream starts. */
  readonly bitsStart: number;
}

/** Reads the header at `start` of the workspace's block, and the tables into the workspace. */
export function readSequencesHeader(
  workspace: Workspace,
  start: number,
  end: number,
): SequencesHeader {
  const { literalLengths, offsets, matchLengths } = workspace;
  const block = workspace.block.bytes;
  const first = block[start]!;
  const countBytes = first < 128 ? 1 : first < 255 ? 2 : 3;
  let at = start + countBytes;
  if (at > end) throw malformed('zstd sequences are cut off');
  let count = first;
  if (countBytes === 2) count = ((first - 128) << 8) | block[start + 1]!;
  if (countBytes === 3) count = (block[start + 1]! | (block[start + 2]! << 8)) + 0x7f00;
  if (count === 0) {
    if (at !== end) throw malformed('zstd block goes on after its end');
    return { count, bitsStart: at };
  }
  if (at === end) throw malformed('zstd sequences are cut off');
  const modes = block[at++]!;
  if (modes & 3) throw malformed('zstd block uses a reserved bit');
  at = literalLengths.read(modes >>> 6, block, at, end);
  at = offsets.read((modes >>> 4) & 3, block, at, end);
  at = matchLengths.read((modes >>> 2) & 3, block, at, end);
  return { count, bitsStart: at };
}

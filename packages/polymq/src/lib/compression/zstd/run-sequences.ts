/**
 * Runs the sequences of a block (RFC 8878 §3.1.1.4): each copies some literals to the output, then
 * repeats a match from there. Lengths and offsets come from one bit stream and three states:
 *
 *   start:     states of literal length, offset, match length
 *   each:      extra bits of offset, match length, literal length
 *   between:   the bits that renew the states of literal length, match length, offset
 *
 * Whatever the stream says, a sequence adds at least three bytes, and the first one that would go
 * beyond the end given is the last one looked at. One step takes at most 89 bits and is checked at
 * its end, which the padding in front of the block allows.
 */
import { malformed } from '../decompression-error.ts';
import { bitsAt, openBits } from './bit-reader.ts';
import { copyBytes, copyMatch } from './copy.ts';
import {
  EXTRA_BITS_MASK,
  NEXT_STATE_SHIFT,
  RENEW_BITS_MASK,
  RENEW_BITS_SHIFT,
} from './fse-table.ts';
import type { Literals } from './literals.ts';
import type { Output } from './output.ts';
import { repeatOffset } from './repeat-offsets.ts';
import type { SequencesHeader } from './sequences.ts';
import type { Workspace } from './workspace.ts';

/** The most bits that one load gives. */
const LOAD_BITS_MAX = 25;
/** No output is so large that a longer code could point into it. */
const OFFSET_CODE_MAX = 29;

/** Runs all sequences and returns the position of the first literal that they leave. */
export function runSequences(
  workspace: Workspace,
  { count, bitsStart }: SequencesHeader,
  bitsEnd: number,
  literals: Literals,
  output: Output,
  outputEnd: number,
): number {
  const { repeats } = workspace;
  const { bytes: block, view } = workspace.block;
  const { span } = literals;
  const { frameStart } = output;
  const { literalLengths, offsets, matchLengths } = workspace;
  const { cells: llCells, symbols: llCodes, accuracyLog: llLog } = literalLengths.current;
  const { cells: ofCells, symbols: ofCodes, accuracyLog: ofLog } = offsets.current;
  const { cells: mlCells, symbols: mlCodes, accuracyLog: mlLog } = matchLengths.current;
  const llBaselines = literalLengths.baselines;
  const ofBaselines = offsets.baselines;
  const mlBaselines = matchLengths.baselines;
  const startBit = bitsStart * 8;
  let bit = openBits(block, bitsStart, bitsEnd) - llLog - ofLog - mlLog;
  let llState = bitsAt(view, bit + mlLog + ofLog, llLog);
  let ofState = bitsAt(view, bit + mlLog, ofLog);
  let mlState = bitsAt(view, bit, mlLog);
  let literalAt = literals.start;
  let at = output.at;
  for (let left = count; left > 0; left--) {
    const llCell = llCells[llState]!;
    const ofCell = ofCells[ofState]!;
    const mlCell = mlCells[mlState]!;
    let extra = ofCell & EXTRA_BITS_MASK;
    let offset = ofBaselines[ofCodes[ofState]!]!;
    if (extra > LOAD_BITS_MAX) {
      if (extra > OFFSET_CODE_MAX) throw outside();
      // The upper bits come first.
      bit -= extra - 16;
      offset += bitsAt(view, bit, extra - 16) << 16;
      extra = 16;
    }
    bit -= extra;
    offset += bitsAt(view, bit, extra);
    extra = mlCell & EXTRA_BITS_MASK;
    bit -= extra;
    const matchLength = mlBaselines[mlCodes[mlState]!]! + bitsAt(view, bit, extra);
    extra = llCell & EXTRA_BITS_MASK;
    bit -= extra;
    const literalLength = llBaselines[llCodes[llState]!]! + bitsAt(view, bit, extra);
    if (left > 1) {
      let renew = (llCell >>> RENEW_BITS_SHIFT) & RENEW_BITS_MASK;
      bit -= renew;
      llState = (llCell >>> NEXT_STATE_SHIFT) + bitsAt(view, bit, renew);
      renew = (mlCell >>> RENEW_BITS_SHIFT) & RENEW_BITS_MASK;
      bit -= renew;
      mlState = (mlCell >>> NEXT_STATE_SHIFT) + bitsAt(view, bit, renew);
      renew = (ofCell >>> RENEW_BITS_SHIFT) & RENEW_BITS_MASK;
      bit -= renew;
      ofState = (ofCell >>> NEXT_STATE_SHIFT) + bitsAt(view, bit, renew);
    }
    if (bit < startBit) throw malformed('zstd sequences are cut off');
    if (offset > 3) {
      offset -= 3;
      repeats[2] = repeats[1];
      repeats[1] = repeats[0];
      repeats[0] = offset;
    } else offset = repeatOffset(repeats, offset, literalLength);
    if (literalLength > literals.end - literalAt) throw malformed('zstd literals are used up');
    if (literalLength + matchLength > outputEnd - at) throw output.overflow(outputEnd);
    copyBytes(span, literalAt, output, at, literalLength);
    literalAt += literalLength;
    at += literalLength;
    if (offset === 0 || offset > at - frameStart) throw outside();
    copyMatch(output, at, offset, matchLength);
    at += matchLength;
  }
  if (bit !== startBit) throw malformed('zstd sequences do not end where their stream does');
  output.at = at;
  return literalAt;
}

function outside(): Error {
  return malformed('zstd match points outside the data');
}

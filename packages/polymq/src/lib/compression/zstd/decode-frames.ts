/**
 * Decodes Zstandard frames (RFC 8878) in plain TypeScript, for runtimes that have no decoder of
 * their own. The frames' headers were walked before, so that the output is allocated once: as large
 * as claimed or possible, and never above the limit.
 *
 * A block is raw (its bytes), run length (one byte, so many times) or compressed (literals, then
 * sequences). No block may expand to more than the window, nor to more than 128 KiB. Work is in
 * step with the bytes read and written: nothing that a header claims is done before it was checked
 * against one of the two.
 */
import { malformed } from '../decompression-error.ts';
import { PAD_BYTES } from './bit-reader.ts';
import { copyBytes } from './copy.ts';
import {
  BLOCK_HEADER_BYTES,
  BLOCK_TYPE,
  CHECKSUM_BYTES,
  type Frame,
  type FrameTotals,
  nextFrame,
} from './frame.ts';
import { readLiterals } from './literals.ts';
import { Output } from './output.ts';
import { runSequences } from './run-sequences.ts';
import { readSequencesHeader } from './sequences.ts';
import { Workspace } from './workspace.ts';
import { xxhash64Low } from './xxhash64.ts';

let shared: Workspace | undefined;

/** Expands all frames of `input`, of which `totals` tells, to at most `outputBytesMax` bytes. */
export function decodeFrames(input: Buffer, totals: FrameTotals, outputBytesMax: number): Buffer {
  shared ??= new Workspace();
  const capacity = Math.min(totals.declared ?? totals.bound, outputBytesMax);
  const output = new Output(capacity, outputBytesMax);
  for (let frame = nextFrame(input, 0); frame; frame = nextFrame(input, frame.end)) {
    shared.startFrame();
    output.frameStart = output.at;
    decodeBlocks(input, frame, shared, output);
    const size = output.at - output.frameStart;
    if (frame.contentSize !== undefined && size !== frame.contentSize) {
      throw malformed('zstd frame does not have the size it claims');
    }
    if (frame.hasChecksum) verifyChecksum(input, frame, output);
  }
  return output.finish();
}

function verifyChecksum(input: Buffer, frame: Frame, output: Output): void {
  const expected = input.readUInt32LE(frame.end - CHECKSUM_BYTES);
  if (xxhash64Low(output.bytes, output.frameStart, output.at) !== expected) {
    throw malformed('zstd content does not match its checksum');
  }
}

/** The walk of the frame made sure that all blocks are there. */
function decodeBlocks(input: Buffer, frame: Frame, workspace: Workspace, output: Output): void {
  let at = frame.blocksStart;
  for (let last = false; !last; ) {
    const header = input.readUIntLE(at, BLOCK_HEADER_BYTES);
    last = (header & 1) === 1;
    const type = (header >>> 1) & 3;
    const size = header >>> 3;
    at += BLOCK_HEADER_BYTES;
    const end = at + (type === BLOCK_TYPE.runLength ? 1 : size);
    const outputEnd = output.blockEndMax(frame.blockBytesMax);
    if (type === BLOCK_TYPE.compressed) {
      workspace.block.bytes.set(input.subarray(at, end), PAD_BYTES);
      expandBlock(workspace, PAD_BYTES + size, output, outputEnd, frame.blockBytesMax);
    } else {
      if (size > outputEnd - output.at) throw output.overflow(outputEnd);
      if (type === BLOCK_TYPE.raw) output.bytes.set(input.subarray(at, end), output.at);
      else output.bytes.fill(input[at]!, output.at, output.at + size);
      output.at += size;
    }
    at = end;
  }
}

function expandBlock(
  workspace: Workspace,
  end: number,
  output: Output,
  outputEnd: number,
  blockBytesMax: number,
): void {
  const literals = readLiterals(workspace, PAD_BYTES, end, blockBytesMax);
  if (literals.sectionEnd === end) throw malformed('zstd block has no sequences section');
  const sequences = readSequencesHeader(workspace, literals.sectionEnd, end);
  let literalAt = literals.start;
  if (sequences.count > 0) {
    literalAt = runSequences(workspace, sequences, end, literals, output, outputEnd);
  }
  const rest = literals.end - literalAt;
  if (rest > outputEnd - output.at) throw output.overflow(outputEnd);
  copyBytes(literals.span, literalAt, output, output.at, rest);
  output.at += rest;
}

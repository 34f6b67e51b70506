/**
 * The literals section that opens a compressed block (RFC 8878 §3.1.1.3.1):
 *
 *   header │ [Huffman table] │ [streams]
 *
 *   header, low bits first:  type 2 │ size format │ regenerated size │ [compressed size]
 *     raw, run length   format x0: 1 + 5 bits, 01: 2 + 12, 11: 2 + 20
 *     compressed,       format 00: 2 + 10 + 10, one stream; 01: the same, four streams;
 *     treeless                 10: 2 + 14 + 14, four;       11: 2 + 18 + 18, four
 *
 * Treeless literals use the Huffman table of the block before. The size is checked against what the
 * block may expand to before any literal is decoded: all of them end up in the output.
 */
import { malformed } from '../decompression-error.ts';
import type { Span } from './copy.ts';
import { type HuffmanSource, readFourStreams, readOneStream } from './huffman-streams.ts';
import type { Workspace } from './workspace.ts';

const TYPE = { raw: 0, runLength: 1, compressed: 2 } as const;

interface Header {
  type: number;
  size: number;
  /** How many bytes follow the header. */
  bytes: number;
  fourStreams: boolean;
  /** Where the header ends. */
  end: number;
}

export interface Literals {
  readonly span: Span;
  readonly start: number;
  readonly end: number;
  /** Where the section ends in the block. */
  readonly sectionEnd: number;
}

/** Reads the section at `start` of the workspace's block, which ends at `end`. */
export function readLiterals(
  workspace: Workspace,
  start: number,
  end: number,
  sizeMax: number,
): Literals {
  const { block, literals } = workspace;
  const header = readHeader(workspace, start, end);
  const { type, size } = header;
  if (size > sizeMax) throw malformed('zstd block has more literals than it may expand to');
  const sectionEnd = header.end + header.bytes;
  if (sectionEnd > end) throw malformed('zstd literals are cut off');
  if (type === TYPE.raw) return { span: block, start: header.end, end: sectionEnd, sectionEnd };
  if (type === TYPE.runLength) literals.bytes.fill(block.bytes[header.end]!, 0, size);
  else readHuffman(workspace, header, sectionEnd);
  return { span: literals, start: 0, end: size, sectionEnd };
}

function readHeader(
  { block: { bytes: block, view } }: Workspace,
  start: number,
  end: number,
): Header {
  if (start >= end) throw malformed('zstd block is empty');
  const type = block[start]! & 3;
  const format = (block[start]! >>> 2) & 3;
  // Padding makes a word readable wherever the block ends; `sectionEnd` is compared later.
  const word = view.getUint32(start, true);
  if (type === TYPE.raw || type === TYPE.runLength) {
    const headerBytes = format === 1 ? 2 : format === 3 ? 3 : 1;
    const size = (word & ((1 << (8 * headerBytes)) - 1)) >>> (format & 1 ? 4 : 3);
    const bytes = type === TYPE.raw ? size : 1;
    return { type, size, bytes, fourStreams: false, end: start + headerBytes };
  }
  const sizeBits = format < 2 ? 10 : format === 2 ? 14 : 18;
  const mask = (1 << sizeBits) - 1;
  const upper = view.getUint32(start + 1, true);
  const size = (word >>> 4) & mask;
  // 4 + 10, 14 or 18 bits come before; the second word starts after 8 of them.
  const bytes = (upper >>> (sizeBits - 4)) & mask;
  const headerBytes = format < 2 ? 3 : format === 2 ? 4 : 5;
  return { type, size, bytes, fourStreams: format !== 0, end: start + headerBytes };
}

function readHuffman(workspace: Workspace, header: Header, end: number): void {
  const { huffman, literals } = workspace;
  const { bytes, view } = workspace.block;
  let start = header.end;
  if (header.type === TYPE.compressed) start = huffman.read(bytes, view, start, end);
  else if (huffman.maxBits === 0) throw malformed('zstd literals have no Huffman table');
  const source: HuffmanSource = { bytes, view, start, end };
  if (header.fourStreams) readFourStreams(source, huffman, literals.bytes, header.size);
  else readOneStream(source, huffman, literals.bytes, header.size);
}

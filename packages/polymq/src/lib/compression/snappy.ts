/**
 * Snappy, decoding only, in the two forms that producers send:
 *
 *   raw      varint size │ elements …
 *   xerial   82 'SNAPPY' 00 │ version i32 │ compatible i32 │ { chunk bytes i32 │ raw }*
 *
 * An element starts with a tag byte whose lowest two bits are its kind: 0 literal, 1 copy with an
 * 11-bit offset, 2 copy with 16 bits, 3 copy with 32 bits. The sizes claimed are added up and
 * compared with the limit, and with what the format can reach from so many bytes, before anything
 * is allocated.
 */
import { malformed, tooLarge } from './decompression-error.ts';

const XERIAL_MAGIC = Buffer.from('82534e4150505900', 'hex');
const XERIAL_HEADER_BYTES = 16;
/** A copy element of 3 bytes makes at most 64: no input expands further. */
const RATIO_MAX = 22;

interface Chunk {
  /** The first byte after the size varint. */
  start: number;
  end: number;
  size: number;
}

/** Expands raw or xerial-framed snappy data to at most `outputBytesMax` bytes. */
export function snappyDecompress(input: Buffer, outputBytesMax: number): Buffer {
  const chunks = readChunks(input);
  const total = totalSize(chunks);
  if (total > outputBytesMax) throw tooLarge('snappy', outputBytesMax);
  if (total > input.length * RATIO_MAX) throw malformed('snappy data claims an impossible size');
  const output = Buffer.allocUnsafeSlow(total);
  let at = 0;
  for (const chunk of chunks) {
    expand(input, chunk, output, at);
    at += chunk.size;
  }
  return output;
}

/** The sum of the sizes that the chunks claim; decoding never makes more. */
export function snappyDeclaredSize(input: Buffer): number {
  return totalSize(readChunks(input));
}

function totalSize(chunks: readonly Chunk[]): number {
  let total = 0;
  for (const chunk of chunks) total += chunk.size;
  return total;
}

function readChunks(input: Buffer): Chunk[] {
  if (!startsXerial(input, 0)) return [readChunk(input, 0, input.length)];
  const chunks: Chunk[] = [];
  let at = 0;
  while (at < input.length) {
    // Streams that were concatenated carry their header again.
    if (startsXerial(input, at)) {
      at += XERIAL_HEADER_BYTES;
      continue;
    }
    if (at + 4 > input.length) throw malformed('snappy chunk header is cut off');
    const bytes = input.readInt32BE(at);
    at += 4;
    if (bytes <= 0 || bytes > input.length - at) {
      throw malformed(`snappy chunk of ${bytes} bytes does not fit`);
    }
    chunks.push(readChunk(input, at, at + bytes));
    at += bytes;
  }
  return chunks;
}

function startsXerial(input: Buffer, at: number): boolean {
  if (input.length - at < XERIAL_HEADER_BYTES) return false;
  return input.compare(XERIAL_MAGIC, 0, XERIAL_MAGIC.length, at, at + XERIAL_MAGIC.length) === 0;
}

function readChunk(input: Buffer, start: number, end: number): Chunk {
  let size = 0;
  let scale = 1;
  for (let at = start; at < Math.min(end, start + 5); at++) {
    const byte = input[at]!;
    size += (byte & 0x7f) * scale;
    if (byte < 0x80) return { start: at + 1, end, size };
    scale *= 128;
  }
  throw malformed('snappy size is cut off or too long');
}

function expand(input: Buffer, chunk: Chunk, output: Buffer, base: number): void {
  const limit = base + chunk.size;
  const { end } = chunk;
  let at = chunk.start;
  let out = base;
  while (at < end) {
    const tag = input[at++]!;
    const kind = tag & 3;
    if (kind === 0) {
      let length = tag >>> 2;
      if (length >= 60) {
        const extra = length - 59;
        if (at + extra > end) throw malformed('snappy literal is cut off');
        length = input.readUIntLE(at, extra);
        at += extra;
      }
      length += 1;
      if (length > end - at || length > limit - out) throw malformed('snappy literal does not fit');
      input.copy(output, out, at, at + length);
      at += length;
      out += length;
      continue;
    }
    const offsetBytes = kind === 3 ? 4 : kind;
    if (at + offsetBytes > end) throw malformed('snappy copy is cut off');
    const length = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
    const offset = kind === 1 ? ((tag >>> 5) << 8) | input[at]! : input.readUIntLE(at, offsetBytes);
    at += offsetBytes;
    if (offset === 0 || offset > out - base || length > limit - out) {
      throw malformed('snappy copy points outside the data');
    }
    copyWithin(output, out, offset, length);
    out += length;
  }
  if (out !== limit) throw malformed('snappy data is shorter than it claims');
}

/**
 * Repeats what lies `offset` bytes back; source and target may overlap, which repeats a pattern.
 */
function copyWithin(output: Buffer, at: number, offset: number, length: number): void {
  if (offset >= length) output.copyWithin(at, at - offset, at - offset + length);
  else for (let i = at; i < at + length; i++) output[i] = output[i - offset]!;
}

import { gunzip, gzipDeclaredSize } from './gzip.ts';
import { lz4DeclaredSize, lz4Decompress } from './lz4.ts';
import { snappyDeclaredSize, snappyDecompress } from './snappy.ts';
import { zstdDeclaredSize, zstdDecompress } from './zstd.ts';

/** Codecs that the broker can look inside. */
export type Codec = 'gzip' | 'snappy' | 'lz4' | 'zstd';

interface Decoder {
  decompress: (input: Buffer, outputBytesMax: number) => Buffer;
  declaredSize: (input: Buffer) => number | undefined;
}

const DECODERS: Record<Codec, Decoder> = {
  gzip: { decompress: gunzip, declaredSize: gzipDeclaredSize },
  snappy: { decompress: snappyDecompress, declaredSize: snappyDeclaredSize },
  lz4: { decompress: lz4Decompress, declaredSize: lz4DeclaredSize },
  zstd: { decompress: zstdDecompress, declaredSize: zstdDeclaredSize },
};

/**
 * Expands `input`. Throws `DecompressionError` when the result would be larger than
 * `outputBytesMax`, before memory beyond that is allocated, and when the data is malformed.
 */
export function decompress(codec: Codec, input: Buffer, outputBytesMax: number): Buffer {
  return DECODERS[codec].decompress(input, outputBytesMax);
}

/**
 * What `input` claims to expand to, or an upper bound of it, found from its headers without
 * expanding it. Undefined if the headers do not tell. A claim may be a lie, so it only serves to
 * refuse bombs early. Throws `DecompressionError` (`malformed`) when the headers do not even fit
 * together.
 */
export function declaredSize(codec: Codec, input: Buffer): number | undefined {
  return DECODERS[codec].declaredSize(input);
}

import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { type Codec, declaredSize, decompress } from '../../../src/lib/compression/codec.ts';
import { DecompressionError } from '../../../src/lib/compression/decompression-error.ts';
import { type FuzzTarget, WrongResult } from '../target.ts';

export const CODECS: readonly Codec[] = ['gzip', 'snappy', 'lz4', 'zstd'];
const OUTPUT_BYTES_MAX = 1 << 20;

const VECTORS = new URL('../../../src/lib/compression/testing/vectors.json', import.meta.url);

/** Compressed data made by other programs, and bombs. */
export function compressedSamples(): { codec: Codec; data: Buffer }[] {
  const vectors = JSON.parse(readFileSync(VECTORS, 'utf8')) as Partial<
    Record<Codec, { base64: string }[]>
  >;
  const samples = CODECS.flatMap((codec) =>
    (vectors[codec] ?? []).map(({ base64 }) => ({ codec, data: Buffer.from(base64, 'base64') })),
  );
  const bomb = gzipSync(Buffer.alloc(8 << 20));
  return [
    ...samples.filter(({ data }) => data.length <= 16 * 1024),
    { codec: 'gzip', data: gzipSync('hello') },
    { codec: 'gzip', data: bomb },
  ];
}

/** One codec's decoder with a limit of 1 MiB. */
export function decompressTarget(codec: Codec): FuzzTarget {
  return {
    name: `decompress-${codec}`,
    seeds: () => compressedSamples().flatMap((each) => (each.codec === codec ? [each.data] : [])),
    run: (input) => {
      declaredSize(codec, input);
      const output = decompress(codec, input, OUTPUT_BYTES_MAX);
      if (output.length > OUTPUT_BYTES_MAX) {
        throw new WrongResult(`expanded to ${output.length} bytes`);
      }
    },
    allows: (error) => error instanceof DecompressionError,
    // The output may be built by doubling: old and new memory at once.
    memoryBytesMax: 5 * OUTPUT_BYTES_MAX,
  };
}

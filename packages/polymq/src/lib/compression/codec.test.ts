/**
 * Against data made by the original tools: snappy 7 (xerial framing put around it), lz4 1.9.4, zstd
 * 1.5.4.
 */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Codec, declaredSize, decompress } from './codec.ts';
import { DecompressionError } from './decompression-error.ts';
import { zstdDecompressPortable } from './zstd.ts';

interface Vector {
  name: string;
  /** The argument of `text`. */
  lines: number;
  base64: string;
}

const VECTORS = JSON.parse(
  readFileSync(new URL('./testing/vectors.json', import.meta.url), 'utf8'),
) as Record<'snappy' | 'lz4' | 'zstd', Vector[]>;

const CASES: [codec: Codec, name: string, input: Buffer, expected: Buffer][] = [
  ['gzip', 'one member', gzipSync(text(250)), text(250)],
  ['gzip', 'two members', Buffer.concat([gzipSync(text(2)), gzipSync(text(3))]), bothTexts(2, 3)],
  ...(['snappy', 'lz4', 'zstd'] as const).flatMap((codec) =>
    VECTORS[codec].map(({ name, lines, base64 }): [Codec, string, Buffer, Buffer] => [
      codec,
      name,
      Buffer.from(base64, 'base64'),
      text(lines),
    ]),
  ),
];

describe('decompression', () => {
  it.each(CASES)('expands %s: %s', (codec, _name, input, expected) => {
    expect(decompress(codec, input, expected.length).equals(expected)).toBe(true);
    expect(decompress(codec, input, 64 << 20).equals(expected)).toBe(true);
  });

  it.each(CASES)(
    'refuses %s: %s when it is one byte too large',
    (codec, _name, input, expected) => {
      expect(reasonOf(() => decompress(codec, input, expected.length - 1))).toBe('too-large');
    },
  );

  it.each(CASES)('knows of %s: %s a size or a bound', (codec, name, input, expected) => {
    const declared = declaredSize(codec, input)!;
    if (name === 'two members') return;
    expect(declared).toBeGreaterThanOrEqual(expected.length);
    expect(declared).toBeLessThan(expected.length + 256 * 1024);
  });

  it.each(CASES)('refuses %s: %s when it is cut off anywhere', (codec, name, input) => {
    const step = Math.max(1, Math.floor(input.length / 97));
    for (let length = 0; length < input.length; length += step) {
      // The first of two frames or members is a whole of its own.
      if (length === 0 || name.startsWith('two ')) continue;
      expect(reasonOf(() => decompress(codec, input.subarray(0, length), 1 << 20))).toBe(
        'malformed',
      );
    }
  });

  it.each(CASES)('survives every mutation of %s: %s', (codec, _name, input) => {
    const mutation = fc.array(fc.tuple(fc.nat(input.length - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(mutation, (changes) => {
        const mutated = Buffer.from(input);
        for (const [at, byte] of changes) mutated[at] = byte;
        for (const attempt of [decompress, declaredSize]) {
          try {
            attempt(codec, mutated, 1 << 20);
          } catch (error: unknown) {
            expect(error).toBeInstanceOf(DecompressionError);
          }
        }
      }),
      { seed: 7, numRuns: 150 },
    );
  });

  it('expands zstd without the native decoder too', () => {
    for (const { lines, base64 } of VECTORS.zstd) {
      const input = Buffer.from(base64, 'base64');
      const expected = text(lines);
      expect(zstdDecompressPortable(input, 1 << 20).equals(expected)).toBe(true);
      expect(zstdDecompressPortable(input, expected.length).equals(expected)).toBe(true);
      const tooSmall = (): Buffer => zstdDecompressPortable(input, expected.length - 1);
      expect(reasonOf(tooSmall)).toBe('too-large');
    }
  });

  it('refuses a snappy claim that its bytes cannot reach, before allocating', () => {
    const claim = Buffer.from([0xff, 0xff, 0xff, 0x0f, 0x00]);
    expect(declaredSize('snappy', claim)).toBe(33_554_431);
    expect(reasonOf(() => decompress('snappy', claim, 64 << 20))).toBe('malformed');
  });

  it('tells a gzip bomb by its trailer', () => {
    const bomb = gzipSync(Buffer.alloc(20 << 20));
    expect(declaredSize('gzip', bomb)).toBe(20 << 20);
    expect(reasonOf(() => decompress('gzip', bomb, 1 << 20))).toBe('too-large');
  });

  it('bounds a zstd bomb by its blocks', () => {
    // One frame of unknown size, 100 run-length blocks of 128 KiB each.
    const block = Buffer.from([0x02, 0x00, 0x10, 0x61]);
    const last = Buffer.from([0x03, 0x00, 0x10, 0x61]);
    const blocks = [...new Array<Buffer>(99).fill(block), last];
    const bomb = Buffer.concat([Buffer.from('28b52ffd0058', 'hex'), ...blocks]);
    expect(declaredSize('zstd', bomb)).toBe(100 * 128 * 1024);
    expect(reasonOf(() => decompress('zstd', bomb, 1 << 20))).toBe('too-large');
    expect(reasonOf(() => zstdDecompressPortable(bomb, 1 << 20))).toBe('too-large');
    expect(decompress('zstd', bomb, 64 << 20).length).toBe(100 * 128 * 1024);
  });

  it('tolerates the wrong header checksum of old Kafka clients in lz4', () => {
    const { lines, base64 } = VECTORS.lz4.find(({ name }) => name === 'tiny')!;
    const input = Buffer.from(base64, 'base64');
    input[6] = input[6]! ^ 0xff;
    expect(decompress('lz4', input, 1 << 20).equals(text(lines))).toBe(true);
  });
});

/** The same text that the vectors were made of. */
function text(lines: number): Buffer {
  let x = 1;
  let out = '';
  for (let i = 0; i < lines; i++) {
    x = (Math.imul(x, 1103515245) + 12345) >>> 0;
    out += `order ${(x >>> 16) % 7} of customer ${(x >>> 20) % 5} shipped\n`.repeat(10);
  }
  return Buffer.from(out);
}

function bothTexts(first: number, second: number): Buffer {
  return Buffer.concat([text(first), text(second)]);
}

function reasonOf(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error: unknown) {
    if (error instanceof DecompressionError) return error.reason;
    throw error;
  }
  return 'none';
}

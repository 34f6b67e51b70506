/**
 * Against frames made by zstd 1.5 (`testing/vectors.json`), frames written by hand, and the
 * runtime's own decoder where there is one.
 */
import { readFileSync } from 'node:fs';
import * as zlib from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DecompressionError } from '../decompression-error.ts';
import { zstdDecompress, zstdDecompressPortable } from '../zstd.ts';
import { SAMPLE_KINDS, type SampleKind, sample } from './testing/samples.ts';

interface Vector {
  name: string;
  kind: SampleKind;
  size: number;
  base64: string;
}

interface NativeZstd {
  zstdCompressSync(input: Buffer, options: { params: Record<number, number> }): Buffer;
  zstdDecompressSync(input: Buffer, options: { maxOutputLength: number }): Buffer;
  constants: Record<string, number>;
}

const MIB = 1 << 20;
/** No literals, and one sequence of codes 0: three bytes from the second of the repeated offsets. */
const MATCH = '00 01 54000000 01';
const native = 'zstdCompressSync' in zlib ? (zlib as unknown as NativeZstd) : undefined;

const VECTORS = JSON.parse(
  readFileSync(new URL('./testing/vectors.json', import.meta.url), 'utf8'),
) as Vector[];
const CASES = VECTORS.map(({ name, kind, size, base64 }): [string, Buffer, Buffer] => [
  name,
  Buffer.from(base64, 'base64'),
  sample(kind, size),
]);

describe('the zstd decoder', () => {
  it.each(CASES)('expands %s', (_name, input, expected) => {
    expect(zstdDecompressPortable(input, expected.length).equals(expected)).toBe(true);
    expect(zstdDecompressPortable(input, 64 * MIB).equals(expected)).toBe(true);
  });

  it.each(CASES.slice(1))('refuses %s when it is one byte too large', (_name, input, expected) => {
    expect(reasonOf(input, expected.length - 1)).toBe('too-large');
  });

  it.each(CASES)('refuses %s when it is cut off anywhere', (_name, input) => {
    const step = Math.max(1, Math.floor(input.length / 211));
    for (let length = 1; length < input.length; length += step) {
      expect(reasonOf(input.subarray(0, length))).toBe('malformed');
    }
  });

  it.each(CASES)('survives every mutation of %s', (_name, input) => {
    const mutation = fc.array(fc.tuple(fc.nat(input.length - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(mutation, (changes) => {
        const mutated = Buffer.from(input);
        for (const [at, byte] of changes) mutated[at] = byte;
        const output = attempt(() => zstdDecompressPortable(mutated, MIB));
        if (Buffer.isBuffer(output)) expect(output.length).toBeLessThanOrEqual(MIB);
        else expect(output).toBeInstanceOf(DecompressionError);
      }),
      { seed: 11, numRuns: 200 },
    );
  });

  it.each(CASES.filter(([, input]) => (input[4]! & 4) !== 0))(
    'refuses %s with a wrong checksum',
    (_name, input) => {
      const damaged = Buffer.from(input);
      damaged[input.length - 1]! ^= 1;
      expect(reasonOf(damaged)).toBe('malformed');
    },
  );

  it('expands frames that follow one another, and skips those that are for others', () => {
    const [, first, firstText] = CASES[2]!;
    const [, second, secondText] = CASES[5]!;
    const skippable = Buffer.from('502a4d1803000000aabbcc', 'hex');
    const input = Buffer.concat([skippable, first, skippable, second, first, skippable]);
    const expected = Buffer.concat([firstText, secondText, firstText]);
    expect(zstdDecompressPortable(input, expected.length).equals(expected)).toBe(true);
    expect(zstdDecompress(input, expected.length).equals(expected)).toBe(true);
    expect(zstdDecompressPortable(skippable, 10).length).toBe(0);
    expect(reasonOf(input.subarray(0, input.length - 1))).toBe('malformed');
  });

  it('expands a flood of empty frames', () => {
    const flood = Buffer.concat(new Array<Buffer>(20_000).fill(CASES[0]![1]));
    expect(zstdDecompress(flood, 0).length).toBe(0);
  });

  it('lets no frame refer to the one before it', () => {
    const [name, alone] = CASES[2]!;
    expect(name).toBe('predefined tables');
    // One match four bytes back, where there is nothing in this frame.
    const match = frame([block('compressed', MATCH)]);
    expect(reasonOf(match)).toBe('malformed');
    expect(reasonOf(Buffer.concat([alone, match]))).toBe('malformed');
    const whole = frame([block('raw', '61626364'), block('compressed', MATCH)]);
    expect(zstdDecompressPortable(whole, 100).toString()).toBe('abcdabc');
  });

  it('bounds the output of a block, whatever its sequences say', () => {
    // 32,768 matches of 65,539 bytes, which take no bits, where one byte was promised.
    expect(reasonOf(Buffer.from('28b52ffd20014d000000ffff005400003401', 'hex'))).toBe('malformed');
    // 98,047 matches of three bytes, which take no bits, in a block that may hold 43,690.
    const endless = frame([block('raw', '61616161'), block('compressed', '00 ffffff 54000000 01')]);
    expect(reasonOf(endless, 64 * MIB)).toBe('malformed');
    expect(reasonOf(endless, 1000)).toBe('too-large');
    // A window of 1 KiB bounds its blocks too: 342 matches of three bytes are too many, 341 not.
    const some = (count: string): Buffer[] => [
      block('raw', '61616161'),
      block('compressed', `00 ${count} 54000000 01`),
      // Leaves room in the output, which must not be used by the block before.
      block('raw', '62'.repeat(100)),
    ];
    expect(reasonOf(frame(some('8156'), 0x00))).toBe('malformed');
    expect(zstdDecompressPortable(frame(some('8155'), 0x00), MIB).length).toBe(104 + 341 * 3);
    expect(zstdDecompressPortable(frame(some('8156')), MIB).length).toBe(104 + 342 * 3);
  });

  it('reads an offset that is too long for one load', () => {
    const runs = new Array<Buffer>(513).fill(Buffer.from('02001061', 'hex'));
    const size = 4 + 513 * 128 * 1024 + 3;
    // Of the code 26, whose 26 bits point back to the first byte.
    const match = block('compressed', '00 01 54 001a00 07000204');
    const header = Buffer.from('28b52ffda000000000', 'hex');
    header.writeUInt32LE(size, 5);
    const last = Buffer.from([1, 0, 0]);
    const input = Buffer.concat([header, block('raw', '61626364'), ...runs, match, last]);
    expect(zstdDecompressPortable(input, size).subarray(-5).toString()).toBe('aaabc');
  });

  it('reads literals of more than 16 KiB', () => {
    // A tree of two codes, of one bit each; four streams of 5,000 literals, 1 and 0 in turn.
    const stream = Buffer.concat([Buffer.alloc(625, 0xaa), Buffer.of(1)]);
    const tree = Buffer.of(128, 0x10);
    const jumps = Buffer.from('720272027202', 'hex');
    const literals = Buffer.concat([tree, jumps, stream, stream, stream, stream]);
    const header = Buffer.alloc(5);
    header.writeUIntLE(2 + 3 * 4 + 20_000 * 16 + literals.length * 2 ** 22, 0, 5);
    const data = Buffer.concat([header, literals, Buffer.of(0)]).toString('hex');
    const output = zstdDecompressPortable(frame([block('compressed', data)]), MIB);
    expect(output.equals(Buffer.from('0100'.repeat(10_000), 'hex'))).toBe(true);
  });

  it('bounds the literals of a block before it makes them', () => {
    // A run of 2^20-1 literals.
    expect(reasonOf(frame([block('compressed', 'fd ff ff 61 00')]), 64 * MIB)).toBe('malformed');
    // A run of 1,025 and one of 1,024, where the window is 1 KiB.
    const room = block('raw', '62'.repeat(100));
    expect(reasonOf(frame([block('compressed', '1540 61 00'), room], 0x00))).toBe('malformed');
    const exact = frame([block('compressed', '0540 61 00'), room], 0x00);
    expect(zstdDecompressPortable(exact, MIB).length).toBe(1124);
    const most = frame([block('compressed', '0d 00 20 61 00')]);
    expect(zstdDecompressPortable(most, MIB).equals(Buffer.alloc(128 * 1024, 'a'))).toBe(true);
  });

  it.each([
    ['a dictionary', '28b52ffd01580701000061'],
    ['a reserved bit of the frame', '28b52ffd085801000061'],
    ['a reserved block type', '28b52ffd0058070000'],
    ['another format', '29b52ffd0058010000'],
    ['a compressed block of no bytes', '28b52ffd0058050000'],
    ['a compressed block of literals only', '28b52ffd0058150000 0861'],
    ['bytes after the sequences', '28b52ffd0058250000 08610000'],
    ['treeless literals without a tree', '28b52ffd00583d0000 13400001010100'],
    ['a table repeated from nowhere', '28b52ffd00583d0000 0001fc00000001'],
    ['an unknown literal length code', '28b52ffd00583d0000 00015424000001'],
    ['an unknown match length code', '28b52ffd00583d0000 00015400003501'],
    ['bits that no sequence takes', '28b52ffd0058200000616263643d0000 00015400000002'],
    ['a size that the blocks do not have', '28b52ffd2002090000 61'],
  ])('refuses %s', (_what, hex) => {
    expect(reasonOf(Buffer.from(hex.replaceAll(' ', ''), 'hex'))).toBe('malformed');
  });

  it('refuses a window larger than decoders must support', () => {
    expect(zstdDecompressPortable(frame([block('raw', '61')], 0x68), 10).toString()).toBe('a');
    expect(reasonOf(frame([block('raw', '61')], 0x69))).toBe('too-large');
  });
});

// Node 20 has no zstd of its own to compare with; the checked-in vectors run everywhere.
describe.skipIf(!native)('the zstd decoder and that of the runtime', () => {
  const sizes = [0, 1, 5, 63, 256, 1000, 4097, 65_536, 131_072, 131_073, 300_000, 1_000_003];

  it.each(SAMPLE_KINDS)('agree on %s', (kind) => {
    for (const size of sizes) {
      const expected = sample(kind, size);
      const levels = size > 200_000 ? [1, 6, 16] : [-5, 1, 2, 3, 4, 5, 7, 9, 12, 15, 17, 19];
      for (const level of levels) {
        const input = compress(expected, level, level & 1);
        const output = zstdDecompressPortable(input, size);
        expect(output.equals(expected), `${size} bytes at level ${level}`).toBe(true);
      }
    }
  });

  it('agree on what is damaged', () => {
    for (const [name, input] of CASES) {
      for (let run = 0; run < 300; run++) {
        const mutated = Buffer.from(input);
        mutated[(run * 7919) % input.length]! ^= 1 + ((run * 31) % 255);
        const own = attempt(() => zstdDecompressPortable(mutated, MIB));
        const theirs = attempt(() => zstdDecompress(mutated, MIB));
        if (Buffer.isBuffer(own)) {
          expect(Buffer.isBuffer(theirs) && own.equals(theirs), `${name}, ${run}`).toBe(true);
        } else if (!Buffer.isBuffer(theirs)) {
          expect(reason(own), `${name}, ${run}`).toBe(reason(theirs));
        } else {
          // Theirs does not look whether all bits of literals were used, which the RFC demands.
          expect(String(own)).toMatch(/literals do not end where|bit stream has no beginning/);
        }
      }
    }
  });

  function compress(input: Buffer, level: number, checksum: number): Buffer {
    const { ZSTD_c_compressionLevel, ZSTD_c_checksumFlag } = native!.constants;
    const params = { [ZSTD_c_compressionLevel!]: level, [ZSTD_c_checksumFlag!]: checksum };
    return native!.zstdCompressSync(input, { params });
  }
});

/** A frame of unknown size, by default with a window of 2 MiB. */
function frame(blocks: readonly Buffer[], window = 0x58): Buffer {
  const last = Buffer.from([1, 0, 0]);
  return Buffer.concat([Buffer.from('28b52ffd00', 'hex'), Buffer.of(window), ...blocks, last]);
}

/** A block that is not the last. */
function block(type: 'raw' | 'compressed', hex: string): Buffer {
  const data = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const header = Buffer.alloc(3);
  header.writeUIntLE((data.length << 3) | (type === 'raw' ? 0 : 4), 0, 3);
  return Buffer.concat([header, data]);
}

function attempt(decode: () => Buffer): unknown {
  try {
    return decode();
  } catch (error: unknown) {
    return error;
  }
}

function reasonOf(input: Buffer, outputBytesMax: number = MIB): string {
  return reason(attempt(() => zstdDecompressPortable(input, outputBytesMax)));
}

function reason(outcome: unknown): string {
  if (outcome instanceof DecompressionError) return outcome.reason;
  if (outcome instanceof Error) throw outcome;
  return 'none';
}

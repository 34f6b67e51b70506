import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c, crc32cIsNative, crc32cSliceBy8 } from './crc32c.ts';

/** RFC 3720, appendix B.4, and the classic check value. */
const VECTORS: [name: string, input: Buffer, crc: number][] = [
  ['nothing', Buffer.alloc(0), 0],
  ['the check string', Buffer.from('123456789'), 0xe3069283],
  ['32 zeros', Buffer.alloc(32), 0x8a9136aa],
  ['32 bytes of ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
  ['32 ascending bytes', Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
  ['32 descending bytes', Buffer.from(Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c],
];

describe('crc32c', () => {
  it.each(VECTORS)('knows the published value of %s', (_name, input, crc) => {
    expect(crc32c(input)).toBe(crc);
    expect(crc32cSliceBy8(input, 0, input.length)).toBe(crc);
  });

  it('uses the native implementation wherever it can be loaded', () => {
    expect(crc32cIsNative).toBe(nativeLoads());
  });

  it('gives the same result natively and in JavaScript, for any range', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), fc.nat(300), fc.nat(300), (bytes, a, b) => {
        const start = Math.min(a, bytes.length);
        const end = Math.max(start, bytes.length - b);
        expect(crc32c(bytes, start, end)).toBe(crc32cSliceBy8(bytes, start, end));
        expect(crc32c(bytes.slice(start, end))).toBe(crc32cSliceBy8(bytes, start, end));
      }),
    );
  });

  it('treats a view into a larger buffer as only its own bytes', () => {
    const whole = Buffer.alloc(4096, 7);
    const view = whole.subarray(1000, 3000);
    expect(crc32c(view)).toBe(crc32c(Buffer.alloc(2000, 7)));
    expect(crc32c(whole, 1000, 3000)).toBe(crc32c(view));
  });
});

function nativeLoads(): boolean {
  try {
    createRequire(import.meta.url)('@node-rs/crc32');
    return true;
  } catch {
    return false;
  }
}

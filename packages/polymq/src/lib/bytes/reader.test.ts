import { describe, expect, it } from 'vitest';
import { ProtocolError } from './protocol-error.ts';
import { Reader } from './reader.ts';

function readerOf(...bytes: number[]): Reader {
  return new Reader(Buffer.from(bytes));
}

describe('a reader', () => {
  it('reads big-endian numbers with their signs', () => {
    const reader = readerOf(
      0xff,
      0xff,
      0xfe,
      0xff,
      0xfe,
      0xff,
      0xff,
      0xff,
      0xfd,
      0xff,
      0xff,
      0xff,
      0xfd,
    );
    expect(reader.int8()).toBe(-1);
    expect(reader.int16()).toBe(-2);
    expect(reader.uint16()).toBe(0xfffe);
    expect(reader.int32()).toBe(-3);
    expect(reader.uint32()).toBe(0xffff_fffd);
    expect(reader.remaining).toBe(0);
  });

  it('reads 64-bit integers exactly up to the largest safe ones', () => {
    const buffer = Buffer.alloc(24);
    buffer.writeBigInt64BE(BigInt(Number.MAX_SAFE_INTEGER), 0);
    buffer.writeBigInt64BE(BigInt(Number.MIN_SAFE_INTEGER), 8);
    buffer.writeBigInt64BE(-1n, 16);
    const reader = new Reader(buffer);
    expect(reader.int64()).toBe(Number.MAX_SAFE_INTEGER);
    expect(reader.int64()).toBe(Number.MIN_SAFE_INTEGER);
    expect(reader.int64()).toBe(-1);
  });

  it.each([
    [[0x00], 0],
    [[0x7f], 127],
    [[0x80, 0x01], 128],
    [[0xff, 0xff, 0xff, 0xff, 0x0f], 0xffff_ffff],
  ])('reads the varint %j as %i', (bytes, value) => {
    expect(readerOf(...bytes).uvarint()).toBe(value);
  });

  it.each([
    ['longer than 5 bytes', [0x80, 0x80, 0x80, 0x80, 0x80, 0x01]],
    ['above 32 bits', [0xff, 0xff, 0xff, 0xff, 0x1f]],
    ['cut off', [0x80]],
  ])('refuses a varint that is %s', (_what, bytes) => {
    expect(() => readerOf(...bytes).uvarint()).toThrow(ProtocolError);
  });

  it('hands out slices that share memory with the buffer', () => {
    const buffer = Buffer.from('abcdef');
    const slice = new Reader(buffer, 2).slice(3);
    buffer.write('X', 2);
    expect(slice.toString()).toBe('Xde');
  });

  it('reads nothing beyond its end, even where the buffer goes on', () => {
    const reader = new Reader(Buffer.from('abcdef'), 1, 3);
    expect(() => reader.int32()).toThrow('4 bytes wanted, 2 left at byte 1');
    expect(() => reader.slice(3)).toThrow(ProtocolError);
    expect(reader.utf8(2)).toBe('bc');
  });

  it('refuses negative lengths', () => {
    expect(() => readerOf(1, 2, 3).slice(-1)).toThrow('negative length of -1');
    expect(() => readerOf(1, 2, 3).utf8(-2)).toThrow(ProtocolError);
  });

  it('refuses a count of more elements than the rest can hold', () => {
    expect(readerOf(1, 2, 3, 4).count(2, 2)).toBe(2);
    expect(() => readerOf(1, 2, 3, 4).count(3, 2)).toThrow('array of 3 elements');
    expect(() => readerOf(1, 2, 3, 4).count(0x7fff_ffff, 1)).toThrow(ProtocolError);
    expect(() => readerOf(1, 2, 3, 4).count(-5, 1)).toThrow('negative count of -5');
  });
});

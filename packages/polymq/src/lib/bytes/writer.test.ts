import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Reader } from './reader.ts';
import { uvarintBytes, Writer } from './writer.ts';

const LARGE = 4096;

/** Writes one frame and returns what stands behind its size. */
function frameOf(writer: Writer, write: () => void): Buffer {
  writer.begin();
  write();
  const frame = Buffer.concat(writer.finish());
  expect(frame.readInt32BE(0)).toBe(frame.length - 4);
  return frame.subarray(4);
}

describe('a writer', () => {
  it('writes numbers that a reader reads back', () => {
    const writer = new Writer();
    const frame = frameOf(writer, () => {
      writer.int8(-1);
      writer.int16(-2);
      writer.uint16(0xfffe);
      writer.int32(-3);
      writer.uint32(0xffff_fffd);
      writer.int64(Number.MIN_SAFE_INTEGER);
      writer.int64(Number.MAX_SAFE_INTEGER);
      writer.float64(0.1);
      writer.boolean(true);
    });
    const reader = new Reader(frame);
    expect([reader.int8(), reader.int16(), reader.uint16()]).toEqual([-1, -2, 0xfffe]);
    expect([reader.int32(), reader.uint32()]).toEqual([-3, 0xffff_fffd]);
    expect(reader.int64()).toBe(Number.MIN_SAFE_INTEGER);
    expect(reader.int64()).toBe(Number.MAX_SAFE_INTEGER);
    expect(reader.float64()).toBe(0.1);
    expect(reader.boolean()).toBe(true);
    expect(reader.remaining).toBe(0);
  });

  it.each([2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n, -1n])(
    'sends the 64-bit integer %s back as it was read',
    (value) => {
      const buffer = Buffer.alloc(8);
      buffer.writeBigInt64BE(value);
      const writer = new Writer();
      const frame = frameOf(writer, () => writer.int64(new Reader(buffer).int64()));
      expect(frame.readBigInt64BE()).toBe(value);
    },
  );

  it('writes varints of 32 bits in as few bytes as they need', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), fc.nat(31), (wide, shift) => {
        const value = wide >>> shift;
        const writer = new Writer();
        const frame = frameOf(writer, () => writer.uvarint(value));
        expect(frame.length).toBe(uvarintBytes(value));
        expect(new Reader(frame).uvarint()).toBe(value);
      }),
    );
  });

  it('takes large payloads by reference and copies small ones', () => {
    const large = Buffer.alloc(LARGE, 'L');
    const small = Buffer.from('small');
    const writer = new Writer();
    writer.begin();
    writer.bytes(small);
    writer.bytes(large);
    writer.int8(7);
    const buffers = writer.finish();
    expect(buffers).toHaveLength(3);
    expect(buffers[1]).toBe(large);
    small.fill('x');
    expect(buffers[0]!.subarray(4).toString()).toBe('small');
    expect(buffers[0]!.readInt32BE(0)).toBe(small.length + LARGE + 1);
    expect(buffers[2]).toEqual(Buffer.from([7]));
  });

  it('fills in the size of a frame that starts with a large payload', () => {
    const writer = new Writer();
    writer.begin();
    writer.bytes(Buffer.alloc(LARGE));
    const [head, payload, ...rest] = writer.finish();
    expect(head).toEqual(Buffer.from([0, 0, 0x10, 0]));
    expect(payload!.length).toBe(LARGE);
    expect(rest).toEqual([]);
  });

  it('never writes over what it has handed out, however many frames follow', () => {
    const writer = new Writer(128);
    const frames: { expected: string; frame: Buffer[] }[] = [];
    for (let index = 0; index < 200; index++) {
      const text = `frame ${index} ${'.'.repeat(index % 90)}`;
      writer.begin();
      writer.utf8(text, Buffer.byteLength(text));
      frames.push({ expected: text, frame: writer.finish() });
    }
    for (const { expected, frame } of frames) {
      expect(Buffer.concat(frame).subarray(4).toString()).toBe(expected);
    }
  });

  it('keeps a value in one piece that is larger than its chunk', () => {
    const writer = new Writer(16);
    const text = 'é'.repeat(1000);
    const frame = frameOf(writer, () => {
      writer.int32(1);
      writer.utf8(text, Buffer.byteLength(text));
      writer.int32(2);
    });
    expect(frame.readInt32BE(0)).toBe(1);
    expect(frame.subarray(4, -4).toString()).toBe(text);
    expect(frame.readInt32BE(frame.length - 4)).toBe(2);
  });

  it('forgets a frame that was begun and not finished', () => {
    const writer = new Writer();
    writer.begin();
    writer.bytes(Buffer.alloc(LARGE));
    expect(frameOf(writer, () => writer.int8(5))).toEqual(Buffer.from([5]));
  });

  it.each([0, 1, 127, 128, 200, 1000])('puts the size in front of %i sized bytes', (size) => {
    const writer = new Writer(64);
    const frame = frameOf(writer, () => {
      writer.int8(9);
      writer.sized((inner, count) => {
        for (let index = 0; index < count; index++) inner.int8(index % 100);
      }, size);
      writer.int8(8);
    });
    const reader = new Reader(frame);
    expect(reader.int8()).toBe(9);
    const content = reader.slice(reader.uvarint());
    expect([...content]).toEqual(Array.from({ length: size }, (_, index) => index % 100));
    expect(reader.int8()).toBe(8);
  });

  it('refuses a large payload inside a sized value', () => {
    const writer = new Writer();
    writer.begin();
    const write = (inner: Writer): void => inner.bytes(Buffer.alloc(LARGE));
    expect(() => writer.sized(write, null)).toThrow(TypeError);
  });

  it('writes ASCII only where all of it is, and can take a length back', () => {
    const writer = new Writer();
    const frame = frameOf(writer, () => {
      writer.int8(3);
      expect(writer.ascii('abc')).toBe(true);
      writer.int8(3);
      expect(writer.ascii('abé')).toBe(false);
      writer.rewind(1);
      writer.int8(4);
    });
    expect(frame).toEqual(Buffer.from([3, 97, 98, 99, 4]));
  });
});

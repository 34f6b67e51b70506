import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ArenaPool, ArenaWriter } from '../lib/arena.ts';
import { ProtocolError } from '../lib/bytes/protocol-error.ts';
import type { ReadMemory } from './byte-reader.ts';
import { FrameReader, type Framing, SCRATCH_BYTES } from './frame-reader.ts';

const FRAME_BYTES_MAX = 8 * 1024 * 1024;

const framing: Framing = {
  headerBytes: 4,
  frameBytes(buffer, at) {
    const size = buffer.readInt32BE(at);
    if (size < 0 || size > FRAME_BYTES_MAX) throw new ProtocolError(`bad size ${size}`);
    return size + 4;
  },
};

function memory(): ReadMemory {
  const arenas = new ArenaPool(0);
  const frames = new ArenaWriter(arenas, 1024);
  return { scratch: Buffer.alloc(SCRATCH_BYTES), arenas, frames };
}

/** A frame whose bytes depend on its number, so that mixed-up memory shows. */
function frameOf(size: number, number: number): Buffer {
  const frame = Buffer.alloc(size + 4, number & 0xff);
  frame.writeInt32BE(size, 0);
  return frame;
}

/** Feeds `stream` in pieces of at most the given sizes, as reads from a socket would. */
function feed(reader: FrameReader, stream: Buffer, pieces: readonly number[]): void {
  let at = 0;
  for (let turn = 0; at < stream.length; turn++) {
    const room = reader.buffer();
    const piece = pieces[turn % pieces.length] ?? stream.length;
    const count = Math.min(room.length, piece, stream.length - at);
    stream.copy(room, 0, at, at + count);
    at += count;
    reader.onRead(count);
  }
}

function framesRead(stream: Buffer, pieces: readonly number[]): Buffer[] {
  const frames: Buffer[] = [];
  const reader = new FrameReader(framing, memory(), (frame) => {
    frames.push(frame);
  });
  feed(reader, stream, pieces);
  return frames;
}

describe('FrameReader', () => {
  it('hands out the same frames however the stream is cut', () => {
    const size = fc.oneof(
      fc.integer({ min: 0, max: 300 }),
      fc.integer({ min: 60_000, max: 70_000 }),
      fc.integer({ min: 200_000, max: 600_000 }),
    );
    const piece = fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1000, max: 400_000 }));
    fc.assert(
      fc.property(
        fc.array(size, { minLength: 1, maxLength: 12 }),
        fc.array(piece, { minLength: 1, maxLength: 5 }).filter((all) => Math.max(...all) > 500),
        (sizes, pieces) => {
          const sent = sizes.map(frameOf);
          const read = framesRead(Buffer.concat(sent), pieces);
          expect(read.length).toBe(sent.length);
          read.forEach((frame, at) => {
            expect(frame.equals(sent[at]!)).toBe(true);
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  it('equals the whole for every split of a short stream in two', () => {
    const sent = [frameOf(3, 1), frameOf(0, 2), frameOf(9, 3)];
    const stream = Buffer.concat(sent);
    for (let split = 1; split < stream.length; split++) {
      const read = framesRead(stream, [split, stream.length]);
      expect(Buffer.concat(read).equals(stream)).toBe(true);
      expect(read.length).toBe(3);
    }
  });

  it('keeps frames intact that were handed out before the memory was read into again', () => {
    const frames: Buffer[] = [];
    const reader = new FrameReader(framing, memory(), (frame) => {
      frames.push(frame);
    });
    const sent = Array.from({ length: 50 }, (_, at) => frameOf(at % 2 ? 100_000 : 20, at + 1));
    feed(reader, Buffer.concat(sent), [SCRATCH_BYTES]);
    expect(frames.every((frame, at) => frame.equals(sent[at]!))).toBe(true);
  });

  it('does not allocate what a length only claims', () => {
    const reader = new FrameReader(framing, memory(), () => undefined);
    const claim = Buffer.alloc(10);
    claim.writeInt32BE(FRAME_BYTES_MAX, 0);
    feed(reader, claim, [10]);
    expect(reader.buffer().length).toBeLessThanOrEqual(256 * 1024);
  });

  it('throws what the framing throws for a length that is not allowed', () => {
    const broken = Buffer.alloc(8, 0xff);
    expect(() => framesRead(broken, [8])).toThrow(ProtocolError);
  });

  it('hands out nothing after it was stopped, even in the middle of a read', () => {
    const frames: Buffer[] = [];
    const reader: FrameReader = new FrameReader(framing, memory(), (frame) => {
      frames.push(frame);
      reader.stop();
    });
    feed(reader, Buffer.concat([frameOf(1, 1), frameOf(1, 2)]), [100]);
    expect(frames.length).toBe(1);
  });
});

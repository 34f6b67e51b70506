import { ArenaPool, ArenaWriter } from '../../../src/lib/arena.ts';
import { ProtocolError } from '../../../src/lib/bytes/protocol-error.ts';
import { FrameReader, SCRATCH_BYTES } from '../../../src/net/frame-reader.ts';
import { kafkaFraming } from '../../../src/protocols/kafka/framing.ts';
import { SeededRandom } from '../../crash/random.ts';
import { sampleRequests } from '../sample-requests.ts';
import { type FuzzTarget, WrongResult } from '../target.ts';

const FRAME_BYTES_MAX = 1 << 20;
const arenas = new ArenaPool(16 << 20);
const small = new ArenaWriter(arenas, 256 << 10);

/** Cutting a stream into frames gives the same frames however the stream arrives. */
export function frameReader(): FuzzTarget {
  const scratch = Buffer.alloc(SCRATCH_BYTES);
  return {
    name: 'frame-reader',
    seeds: () => {
      const frames = sampleRequests().map(({ frame }) => sized(frame));
      const pairs = frames.map((frame, i) =>
        Buffer.concat([frame, frames[(i * 7) % frames.length]!]),
      );
      return [
        ...pairs.slice(0, 40),
        sized(Buffer.alloc(200_000, 1)),
        sized(Buffer.alloc(70_000, 2)),
      ];
    },
    run: (input) => {
      const whole = cut(input, scratch, () => input.length);
      const random = new SeededRandom(input.length);
      for (const stepMax of [1, 7, 1000, 40_000]) {
        if (stepMax === 1 && input.length > 2000) continue;
        const split = cut(input, scratch, () => random.between(1, stepMax));
        compare(whole, split, stepMax);
      }
    },
    allows: (error) => error instanceof ProtocolError,
    memoryBytesMax: 16 << 20,
    // Five passes, one of them byte by byte.
    stallMs: 500,
  };
}

interface Cut {
  frames: Buffer[];
  /** The message of the protocol error, if there was one. */
  error: string | undefined;
}

function cut(input: Buffer, scratch: Buffer, step: () => number): Cut {
  const frames: Buffer[] = [];
  const reader = new FrameReader(
    kafkaFraming(FRAME_BYTES_MAX),
    { scratch, arenas, frames: small },
    (frame) => {
      frames.push(frame);
    },
  );
  try {
    for (let at = 0; at < input.length; ) {
      const target = reader.buffer();
      if (target.length === 0) throw new WrongResult('the reader offers no room');
      const count = Math.min(step(), input.length - at, target.length);
      input.copy(target, 0, at, at + count);
      at += count;
      reader.onRead(count);
    }
    return { frames, error: undefined };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { frames, error: error.message };
  }
}

function compare(whole: Cut, split: Cut, stepMax: number): void {
  const same =
    whole.error === split.error &&
    whole.frames.length === split.frames.length &&
    whole.frames.every((frame, i) => frame.equals(split.frames[i]!));
  if (same) return;
  const say = (cut: Cut) => `${cut.frames.length} frames and ${cut.error ?? 'no error'}`;
  throw new WrongResult(`whole: ${say(whole)}; in pieces up to ${stepMax}: ${say(split)}`);
}

function sized(frame: Buffer): Buffer {
  const size = Buffer.alloc(4);
  size.writeInt32BE(frame.length);
  return Buffer.concat([size, frame]);
}

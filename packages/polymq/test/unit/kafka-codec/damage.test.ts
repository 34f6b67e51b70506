import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProtocolError } from '../../../src/lib/bytes/protocol-error.ts';
import { APIS } from '../../../src/protocols/kafka/codec/registry.ts';
import type { ApiSpec } from '../../../src/protocols/kafka/codec/spec.ts';
import { arbitraryBody, type Side, versionsOf } from './arbitrary.ts';
import { decodeFrame, encodeFrame } from './frames.ts';

const MUTATIONS_PER_API = 2_000;
/** Clients are known to send more than these have. */
const TOLERATED = ['DescribeConfigs v2 request', 'Metadata v11 request'];

/** A small repeatable source of numbers, so that a failure can be seen again. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * below);
  };
}

/** Decodes, and fails the test if anything but the protocol error comes out. Returns what happened. */
function tryDecode(api: ApiSpec, side: Side, version: number, frame: Buffer): 'read' | 'refused' {
  try {
    decodeFrame(api, side, version, frame);
    return 'read';
  } catch (error: unknown) {
    if (error instanceof ProtocolError) return 'refused';
    throw new Error(`${api.name} v${version} ${side}: ${frame.toString('hex')}`, { cause: error });
  }
}

function mutate(frame: Buffer, random: (below: number) => number): Buffer {
  const mutated = Buffer.from(frame);
  const changes = 1 + random(3);
  for (let change = 0; change < changes; change++) {
    const at = random(mutated.length);
    const kind = random(4);
    if (kind === 0) mutated[at] = random(256);
    else if (kind === 1) mutated[at] = 0xff;
    else if (kind === 2) mutated[at] = mutated[at]! ^ (1 << random(8));
    else mutated.subarray(at, at + 1 + random(4)).fill(random(2) * 0x7f);
  }
  return random(4) === 0 ? mutated.subarray(0, random(mutated.length + 1)) : mutated;
}

describe('a damaged frame', () => {
  // Each refusal makes two errors, and nobody looks at their stacks.
  const { stackTraceLimit } = Error;
  beforeAll(() => {
    Error.stackTraceLimit = 0;
  });
  afterAll(() => {
    Error.stackTraceLimit = stackTraceLimit;
  });

  for (const api of APIS) {
    it(`raises nothing but the protocol error: ${api.name}`, () => {
      const random = numbers(api.key + 1);
      const versions = versionsOf(api);
      const outcomes = { read: 0, refused: 0 };
      const frames = versions.flatMap((version) =>
        (['request', 'response'] as const).flatMap((side) =>
          fc
            .sample(arbitraryBody(api, side, version), { numRuns: 10, seed: 11 })
            .map((body) => ({ side, version, frame: encodeFrame(api, side, version, body) })),
        ),
      );
      for (let round = 0; round < MUTATIONS_PER_API; round++) {
        const { side, version, frame } = frames[random(frames.length)]!;
        outcomes[tryDecode(api, side, version, mutate(frame, random))]++;
      }
      expect(outcomes.refused).toBeGreaterThan(MUTATIONS_PER_API / 50);
    });

    it(`is refused when it is cut at any byte: ${api.name}`, () => {
      for (const version of versionsOf(api)) {
        for (const side of ['request', 'response'] as const) {
          const [body] = fc.sample(arbitraryBody(api, side, version), { numRuns: 1, seed: 3 });
          const frame = encodeFrame(api, side, version, body!);
          for (let end = 0; end < frame.length; end++) {
            expect(tryDecode(api, side, version, frame.subarray(0, end))).toBe('refused');
          }
          if (TOLERATED.includes(`${api.name} v${version} ${side}`)) continue;
          const longer = Buffer.concat([frame, Buffer.from([0])]);
          expect(tryDecode(api, side, version, longer)).toBe('refused');
        }
      }
    });
  }
});

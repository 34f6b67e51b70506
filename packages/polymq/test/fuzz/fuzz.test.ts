import { describe, expect, it } from 'vitest';
import { fuzz } from './fuzz.ts';
import type { FuzzTarget } from './target.ts';

class Refused extends Error {}

/** A parser of `length u8 | bytes`, with one defect planted. */
function parser(defect: (input: Buffer) => void): FuzzTarget {
  return {
    name: 'planted',
    seeds: () => [Buffer.from([3, 1, 2, 3])],
    run: (input) => {
      defect(input);
      if (input.length === 0 || input[0]! > input.length - 1) throw new Refused('too short');
    },
    allows: (error) => error instanceof Refused,
    memoryBytesMax: 0,
  };
}

async function problemsOf(target: FuzzTarget, inputsMax = 2000): Promise<string> {
  const { findings } = await fuzz(target, { seconds: 60, seed: 1, inputsMax });
  return findings.map((finding) => finding.problem).join('\n');
}

describe('the fuzzer', () => {
  it('finds nothing in a parser that only refuses', async () => {
    expect(await problemsOf(parser(() => {}))).toBe('');
  });

  it('finds an error that the parser may not throw', async () => {
    const defect = (input: Buffer) => {
      if (input[1] === 255) input.readUInt32BE(input.length);
    };
    expect(await problemsOf(parser(defect))).toContain('RangeError');
  });

  it('finds memory that is allocated by a claimed length', async () => {
    const defect = (input: Buffer) => {
      if (input.length > 0) Buffer.alloc(input[0]! * 65_536);
    };
    expect(await problemsOf(parser(defect))).toContain('allocated');
  });

  it('finds an input that holds the thread', async () => {
    const defect = (input: Buffer) => {
      const end = performance.now() + (input[0] === 0 ? 60 : 0);
      while (performance.now() < end);
    };
    expect(await problemsOf(parser(defect), 100)).toContain('holds the thread');
  });
});

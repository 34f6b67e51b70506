/** Mutations of byte strings, blind to their format but fond of what breaks parsers: lengths and counts. */
import type { SeededRandom } from '../crash/random.ts';

const NUMBERS = [
  0, 1, 2, -1, -2, 127, 128, 255, 256, 32_767, 32_768, 65_535, 1_000_000, 0x7fffffff, -0x80000000,
];
const VARINTS = [
  Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]),
  Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
  Buffer.from([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80]),
  Buffer.from([0x80, 0x00]),
  Buffer.from([0xfe, 0xff, 0xff, 0xff, 0x0f]),
];
const STEPS_MAX = 6;
const INPUT_BYTES_MAX = 64 * 1024;

type Mutation = (input: Buffer, random: SeededRandom, other: Buffer) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  flipBit,
  setByte,
  setNumber,
  setNumber,
  putVarint,
  truncate,
  removeBlock,
  repeatBlock,
  insertNoise,
  splice,
];

/** A new input; never the given buffer itself. */
export function mutate(input: Buffer, other: Buffer, random: SeededRandom): Buffer {
  let result: Buffer = Buffer.from(input);
  for (let steps = random.between(1, STEPS_MAX); steps > 0; steps -= 1) {
    result = random.pick(MUTATIONS)(result, random, other);
  }
  return result.subarray(0, INPUT_BYTES_MAX);
}

function place(input: Buffer, random: SeededRandom): number {
  // Headers stand in front, and that is where parsers decide.
  const end = random.chance(0.5) ? Math.min(input.length, 64) : input.length;
  return random.between(0, Math.max(0, end - 1));
}

function flipBit(input: Buffer, random: SeededRandom): Buffer {
  if (input.length > 0) input[place(input, random)]! ^= 1 << random.between(0, 7);
  return input;
}

function setByte(input: Buffer, random: SeededRandom): Buffer {
  if (input.length > 0) input[place(input, random)] = random.between(0, 255);
  return input;
}

function setNumber(input: Buffer, random: SeededRandom): Buffer {
  const bytes = random.pick([1, 2, 4, 4, 8] as const);
  const at = place(input, random);
  if (at + bytes > input.length) return input;
  const value = random.pick(NUMBERS);
  if (bytes === 8) input.writeBigInt64BE(BigInt(value) << BigInt(random.between(0, 30)), at);
  else
    input.writeIntBE(
      bytes === 4 ? value | 0 : (value << (32 - 8 * bytes)) >> (32 - 8 * bytes),
      at,
      bytes,
    );
  return input;
}

function putVarint(input: Buffer, random: SeededRandom): Buffer {
  const varint = random.pick(VARINTS);
  const at = place(input, random);
  if (random.chance(0.5)) {
    varint.copy(input, at);
    return input;
  }
  return Buffer.concat([input.subarray(0, at), varint, input.subarray(at)]);
}

function truncate(input: Buffer, random: SeededRandom): Buffer {
  return Buffer.from(input.subarray(0, random.between(0, input.length)));
}

function removeBlock(input: Buffer, random: SeededRandom): Buffer {
  const at = place(input, random);
  const count = random.between(1, 16);
  return Buffer.concat([input.subarray(0, at), input.subarray(at + count)]);
}

function repeatBlock(input: Buffer, random: SeededRandom): Buffer {
  const at = place(input, random);
  const block = input.subarray(at, at + random.between(1, 64));
  const times = random.between(1, 8);
  return Buffer.concat([
    input.subarray(0, at),
    ...new Array<Buffer>(times).fill(block),
    input.subarray(at),
  ]);
}

function insertNoise(input: Buffer, random: SeededRandom): Buffer {
  const at = place(input, random);
  const noise = Buffer.from(
    Array.from({ length: random.between(1, 32) }, () => random.between(0, 255)),
  );
  return Buffer.concat([input.subarray(0, at), noise, input.subarray(at)]);
}

function splice(input: Buffer, random: SeededRandom, other: Buffer): Buffer {
  return Buffer.concat([
    input.subarray(0, random.between(0, input.length)),
    other.subarray(random.between(0, other.length)),
  ]);
}

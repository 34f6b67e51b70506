/**
 * The lower half of XXH64 with seed 0, which closes a frame that has a checksum (RFC 8878 §3.1.1).
 *
 *   4 lanes take 32 bytes at a time ─▶ merged ─▶ rest by 8, 4 and 1 bytes ─▶ mixed
 *
 * JavaScript has no fast 64-bit integers, so each is a pair of 32-bit halves that changes in place.
 */
class Word {
  high: number;
  low: number;

  constructor(high: number, low: number) {
    this.high = high | 0;
    this.low = low | 0;
  }

  copy(): Word {
    return new Word(this.high, this.low);
  }

  add(high: number, low: number): this {
    const sum = (this.low >>> 0) + (low >>> 0);
    this.high = (this.high + high + (sum > 0xffff_ffff ? 1 : 0)) | 0;
    this.low = sum | 0;
    return this;
  }

  xor(high: number, low: number): this {
    this.high ^= high;
    this.low ^= low;
    return this;
  }

  multiply({ high, low }: Word): this {
    const a = this.low & 0xffff;
    const b = this.low >>> 16;
    const c = low & 0xffff;
    const d = low >>> 16;
    // The upper half of the product of the lower halves, by the parts of 16 bits.
    const middle = b * c + ((a * c) >>> 16);
    const carry = (middle & 0xffff) + a * d;
    const upper = b * d + Math.floor(middle / 0x1_0000) + Math.floor(carry / 0x1_0000);
    this.high = (upper + Math.imul(this.high, low) + Math.imul(this.low, high)) | 0;
    this.low = Math.imul(this.low, low);
    return this;
  }

  /** By 1 to 31 bits. */
  rotateLeft(bits: number): this {
    const { high, low } = this;
    this.high = (high << bits) | (low >>> (32 - bits));
    this.low = (low << bits) | (high >>> (32 - bits));
    return this;
  }
}

const PRIME_1 = new Word(0x9e3779b1, 0x85ebca87);
const PRIME_2 = new Word(0xc2b2ae3d, 0x27d4eb4f);
const PRIME_3 = new Word(0x165667b1, 0x9e3779f9);
const PRIME_4 = new Word(0x85ebca77, 0xc2b2ae63);
const PRIME_5 = new Word(0x27d4eb2f, 0x165667c5);
const STRIPE_BYTES = 32;

/** The lower 32 bits of the hash of `bytes[start, end)`, unsigned. */
export function xxhash64Low(bytes: Uint8Array, start: number, end: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = end - start;
  let at = start;
  let hash = PRIME_5.copy();
  if (length >= STRIPE_BYTES) {
    at += length - (length % STRIPE_BYTES);
    hash = hashStripes(view, start, at);
  }
  hash.add(Math.floor(length / 2 ** 32), length | 0);
  for (; at + 8 <= end; at += 8) {
    const lane = round(new Word(0, 0), view, at);
    hash.xor(lane.high, lane.low).rotateLeft(27).multiply(PRIME_1).add(PRIME_4.high, PRIME_4.low);
  }
  if (at + 4 <= end) {
    const part = new Word(0, view.getInt32(at, true)).multiply(PRIME_1);
    hash.xor(part.high, part.low).rotateLeft(23).multiply(PRIME_2).add(PRIME_3.high, PRIME_3.low);
    at += 4;
  }
  for (; at < end; at++) {
    const part = new Word(0, view.getUint8(at)).multiply(PRIME_5);
    hash.xor(part.high, part.low).rotateLeft(11).multiply(PRIME_1);
  }
  return mix(hash);
}

function hashStripes(view: DataView, start: number, end: number): Word {
  const first = PRIME_1.copy().add(PRIME_2.high, PRIME_2.low);
  const second = PRIME_2.copy();
  const third = new Word(0, 0);
  const fourth = new Word(~PRIME_1.high, ~PRIME_1.low).add(0, 1);
  for (let at = start; at < end; at += STRIPE_BYTES) {
    round(first, view, at);
    round(second, view, at + 8);
    round(third, view, at + 16);
    round(fourth, view, at + 24);
  }
  const hash = first.copy().rotateLeft(1);
  for (const [lane, bits] of [[second, 7] as const, [third, 12] as const, [fourth, 18] as const]) {
    const rotated = lane.copy().rotateLeft(bits);
    hash.add(rotated.high, rotated.low);
  }
  for (const lane of [first, second, third, fourth]) {
    lane.multiply(PRIME_2).rotateLeft(31).multiply(PRIME_1);
    hash.xor(lane.high, lane.low).multiply(PRIME_1).add(PRIME_4.high, PRIME_4.low);
  }
  return hash;
}

/** Takes 8 bytes into a lane. */
function round(lane: Word, view: DataView, at: number): Word {
  const input = new Word(view.getInt32(at + 4, true), view.getInt32(at, true)).multiply(PRIME_2);
  return lane.add(input.high, input.low).rotateLeft(31).multiply(PRIME_1);
}

function mix(hash: Word): number {
  hash.xor(0, hash.high >>> 1).multiply(PRIME_2);
  hash.xor(hash.high >>> 29, (hash.low >>> 29) | (hash.high << 3)).multiply(PRIME_3);
  return (hash.low ^ hash.high) >>> 0;
}

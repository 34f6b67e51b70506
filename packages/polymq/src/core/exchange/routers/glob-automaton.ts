/**
 * A glob pattern as an automaton that goes all ways at once. A pattern is a row of pieces that take one byte each; bit `i`
 * of the state is set if the first `i` pieces may have taken the text so far. A `*` in front of a piece lets its bit stay.
 *
 *   h[ae]*o      pieces  h  [ae]  o        takes['a'] = bit 1        stays = bit 2 (the `*` before the `o`)
 *
 *   next = ((state & takes[byte]) << 1) | (state & stays)
 *
 * So a byte of text costs one step per 32 pieces, whatever the pattern is. Building the table costs more than most
 * matches do, so this is for those that trying one way after the other takes too long (`glob-pattern.ts`).
 */
const STAR = 42;
const QUESTION = 63;
const OPEN = 91;
const BACKSLASH = 92;
const CLOSE = 93;
const CARET = 94;
const DASH = 45;

/** Of a pattern, in units of one byte. */
export const AUTOMATON_BYTES_MAX = 255;
const WORDS = 8;
const BYTES = 256;

/** Reused for every match; rows of `WORDS` by byte. */
const takes = new Uint32Array(BYTES * WORDS);
const stays = new Uint32Array(WORDS);
const ALL = new Uint8Array(BYTES).fill(1);
/** Of the class read last. */
const members = new Uint8Array(BYTES);
let state = new Uint32Array(WORDS);
let following = new Uint32Array(WORDS);

/** Whether the text matches; both have one unit per byte, and the text is not empty. */
export function matchesAllWays(pattern: string, text: string): boolean {
  const pieces = build(pattern);
  const words = (pieces >>> 5) + 1;
  state.fill(0);
  state[0] = 1;
  for (let at = 0; at < text.length; at++) {
    const row = text.charCodeAt(at) * WORDS;
    let carry = 0;
    let any = 0;
    for (let word = 0; word < words; word++) {
      const now = state[word]!;
      const taken = now & takes[row + word]!;
      const next = (taken << 1) | carry | (now & stays[word]!);
      carry = taken >>> 31;
      following[word] = next;
      any |= next;
    }
    if (any === 0) return false;
    [state, following] = [following, state];
  }
  return ((state[pieces >>> 5]! >>> (pieces & 31)) & 1) === 1;
}

/** Returns how many pieces there are. */
function build(pattern: string): number {
  takes.fill(0);
  stays.fill(0);
  let pieces = 0;
  for (let at = 0; at < pattern.length; ) {
    const unit = pattern.charCodeAt(at);
    const word = pieces >>> 5;
    const bit = 1 << (pieces & 31);
    at += 1;
    if (unit === STAR) {
      stays[word]! |= bit;
      continue;
    }
    if (unit === QUESTION) addAll(word, bit, ALL);
    else if (unit === OPEN) {
      at = readClass(pattern, at);
      addAll(word, bit, members);
    } else if (unit === BACKSLASH && at < pattern.length) {
      takes[pattern.charCodeAt(at) * WORDS + word]! |= bit;
      at += 1;
    } else takes[unit * WORDS + word]! |= bit;
    pieces += 1;
  }
  return pieces;
}

function addAll(word: number, bit: number, bytes: Uint8Array): void {
  for (let byte = 0; byte < BYTES; byte++) {
    if (bytes[byte] !== 0) takes[byte * WORDS + word]! |= bit;
  }
}

/** Fills `members` with the class that begins at `start`, behind its bracket; returns where the pattern goes on. */
function readClass(pattern: string, start: number): number {
  const end = pattern.length;
  const negated = pattern.charCodeAt(start) === CARET;
  const found = negated ? 0 : 1;
  members.fill(1 - found);
  let at = negated ? start + 1 : start;
  while (at < end) {
    const unit = pattern.charCodeAt(at);
    if (unit === BACKSLASH && at + 1 < end) {
      members[pattern.charCodeAt(at + 1)] = found;
      at += 2;
    } else if (unit === CLOSE) return at + 1;
    else if (at + 2 < end && pattern.charCodeAt(at + 1) === DASH) {
      const [one, other] = [signed(unit), signed(pattern.charCodeAt(at + 2))];
      const last = Math.max(one, other);
      for (let value = Math.min(one, other); value <= last; value++) members[value & 0xff] = found;
      at += 3;
    } else {
      members[unit] = found;
      at += 1;
    }
  }
  return at;
}

/** Bytes of a range are ordered as signed numbers, as in Redis. */
function signed(byte: number): number {
  return (byte << 24) >> 24;
}

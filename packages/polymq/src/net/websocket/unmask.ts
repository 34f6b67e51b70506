/**
 * Takes the mask off a payload (RFC 6455 §5.3): byte i was XORed with byte i mod 4 of the mask. The four bytes are held in
 * one number, lowest first, so that its lowest byte is for the next byte of payload.
 *
 * Longer pieces are copied as they are and then XORed where they lie, four bytes at a time from the first place that
 * is a multiple of four.
 */

/** Shorter pieces are done before a view of words is made. */
const WORDS_BYTES_MIN = 128;
const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** Readers get few pieces of memory again and again. */
let words: Int32Array = new Int32Array(0);

/** The mask for what comes after so many bytes, at most three. */
export function rotate(mask: number, bytes: number): number {
  return bytes === 0 ? mask : (mask >>> (8 * bytes)) | (mask << (32 - 8 * bytes));
}

/** Copies `count` bytes from `input[from]` to `target[to]` without their mask. */
export function unmask(
  input: Buffer,
  from: number,
  count: number,
  target: Uint8Array,
  to: number,
  mask: number,
): void {
  if (count < WORDS_BYTES_MIN || !LITTLE_ENDIAN) {
    unmaskBytes(input, from, count, target, to, mask);
    return;
  }
  const head = -(target.byteOffset + to) & 3;
  unmaskBytes(input, from, head, target, to, mask);
  const rest = count - head;
  const bodyFrom = from + head;
  const bodyTo = to + head;
  const wordMask = rotate(mask, head);
  const bodyBytes = rest - (rest & 3);
  input.copy(target, bodyTo, bodyFrom, bodyFrom + bodyBytes);
  unmaskWords(target, bodyTo, bodyBytes, wordMask);
  unmaskBytes(input, bodyFrom + bodyBytes, rest & 3, target, bodyTo + bodyBytes, wordMask);
}

function unmaskWords(target: Uint8Array, at: number, bytes: number, mask: number): void {
  const { buffer, byteOffset } = target;
  if (words.buffer !== buffer) words = new Int32Array(buffer, 0, buffer.byteLength >>> 2);
  const view = words;
  const start = (byteOffset + at) >>> 2;
  const end = start + (bytes >>> 2);
  for (let i = start; i < end; i++) view[i] = view[i]! ^ mask;
}

function unmaskBytes(
  input: Uint8Array,
  from: number,
  count: number,
  target: Uint8Array,
  to: number,
  mask: number,
): void {
  for (let i = 0; i < count; i++) {
    target[to + i] = input[from + i]! ^ (mask >>> (8 * (i & 3)));
  }
}

/** Which partition a key belongs to, as Kafka's own producers choose it, so that all producers of a stream agree. */

const SEED = 0x9747b28c;
const MULTIPLIER = 0x5bd1e995;

/** The key's partition of `count`. */
export function partitionOfKey(key: Buffer, count: number): number {
  return (murmur2(key) & 0x7fff_ffff) % count;
}

/** MurmurHash2, 32 bits, as a signed integer. */
export function murmur2(bytes: Buffer): number {
  const { length } = bytes;
  let hash = SEED ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    let word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    word = Math.imul(word, MULTIPLIER);
    word ^= word >>> 24;
    hash = Math.imul(hash, MULTIPLIER) ^ Math.imul(word, MULTIPLIER);
  }
  if (at < length) {
    for (let index = length - 1; index >= at; index--) hash ^= bytes[index]! << (8 * (index - at));
    hash = Math.imul(hash, MULTIPLIER);
  }
  hash ^= hash >>> 13;
  hash = Math.imul(hash, MULTIPLIER);
  return hash ^ (hash >>> 15);
}

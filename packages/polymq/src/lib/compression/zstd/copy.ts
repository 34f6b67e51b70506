/** Copies of literals and matches: short ones byte by byte, long ones by the runtime. */

/** Below this the call into the runtime costs more than the loop. */
const LOOP_BYTES_MAX = 64;

/** Copies from one array to another. */
export function copyBytes(
  from: Uint8Array,
  start: number,
  to: Uint8Array,
  at: number,
  length: number,
): void {
  if (length > LOOP_BYTES_MAX) to.set(from.subarray(start, start + length), at);
  else for (let i = 0; i < length; i++) to[at + i] = from[start + i]!;
}

/** Repeats what stands `offset` before `at`, as if byte by byte: the copy may overlap itself. */
export function copyMatch(bytes: Uint8Array, at: number, offset: number, length: number): void {
  if (length <= LOOP_BYTES_MAX) {
    const end = at + length;
    for (let i = at; i < end; i++) bytes[i] = bytes[i - offset]!;
    return;
  }
  if (offset === 1) {
    bytes.fill(bytes[at - 1]!, at, at + length);
    return;
  }
  // What was copied lengthens the pattern, so each step may take twice as much.
  const start = at - offset;
  for (let done = 0; done < length; ) {
    const step = Math.min(length - done, offset + done);
    bytes.copyWithin(at + done, start, start + step);
    done += step;
  }
}

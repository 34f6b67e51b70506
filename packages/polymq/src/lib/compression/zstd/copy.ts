/**
 * Copies of literals and matches. Short ones go eight bytes at a time, and so write up to seven
 * bytes more than asked for: onto what comes later, never beyond the memory. A loop by bytes would
 * end after another number of rounds each time, which processors predict badly. Long ones are left
 * to the runtime, whose calls cost more but copy faster.
 */
const STEP_BYTES = 8;
const SHORT_BYTES_MAX = 64;

/** Memory seen both ways. */
export interface Span {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Copies between different memories; `STEP_BYTES` behind the source are readable. */
export function copyBytes(from: Span, start: number, to: Span, at: number, length: number): void {
  if (length > SHORT_BYTES_MAX || at + length + STEP_BYTES > to.bytes.length) {
    to.bytes.set(from.bytes.subarray(start, start + length), at);
  } else copySteps(from.view, start, to.view, at, length);
}

/** Repeats what stands `offset` before `at`, as if byte by byte: the copy may overlap itself. */
export function copyMatch(span: Span, at: number, offset: number, length: number): void {
  const { bytes, view } = span;
  const end = at + length;
  if (length > SHORT_BYTES_MAX) copyLongMatch(bytes, at, offset, length);
  else if (offset >= STEP_BYTES && end + STEP_BYTES <= bytes.length) {
    copySteps(view, at - offset, view, at, length);
  } else for (let i = at; i < end; i++) bytes[i] = bytes[i - offset]!;
}

function copySteps(from: DataView, start: number, to: DataView, at: number, length: number): void {
  for (let i = 0; i < length; i += STEP_BYTES) {
    const low = from.getInt32(start + i, true);
    const high = from.getInt32(start + i + 4, true);
    to.setInt32(at + i, low, true);
    to.setInt32(at + i + 4, high, true);
  }
}

function copyLongMatch(bytes: Uint8Array, at: number, offset: number, length: number): void {
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

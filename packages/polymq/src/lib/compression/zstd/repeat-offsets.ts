/**
 * The last three offsets used, which sequences refer to by 1, 2 and 3 (RFC 8878 §3.1.1.5). They
 * live on from block to block of a frame.
 */
export type RepeatOffsets = [number, number, number];

export const FIRST_OFFSETS: Readonly<RepeatOffsets> = [1, 4, 8];

/**
 * The offset that `value` (1 to 3) stands for, which becomes the latest. After no literals, 1 and 2
 * mean the second and third, and 3 the latest less one: the latest itself would only have made the
 * match before longer.
 *
 *   index        becomes latest    second    third
 *   0            (unchanged)
 *   1            second            latest    (unchanged)
 *   2            third             latest    second
 *   3            latest - 1        latest    second
 */
export function repeatOffset(repeats: RepeatOffsets, value: number, literalLength: number): number {
  const latest = repeats[0];
  const index = value - (literalLength === 0 ? 0 : 1);
  if (index === 0) return latest;
  const offset = index === 1 ? repeats[1] : index === 2 ? repeats[2] : latest - 1;
  if (index !== 1) repeats[2] = repeats[1];
  repeats[1] = latest;
  repeats[0] = offset;
  return offset;
}

/** The last index in `[0, count)` whose ascending `key` is at or below `value`; 0 if there is none. */
export function lastAtOrBelow(
  count: number,
  key: (index: number) => number,
  value: number,
): number {
  let low = 0;
  let high = count;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (key(middle) <= value) low = middle;
    else high = middle;
  }
  return low;
}

/** Digits that a number takes which is a non-negative safe integer. */
export function decimalBytes(value: number): number {
  let bytes = 1;
  for (let bound = 10; value >= bound; bound *= 10) bytes += 1;
  return bytes;
}

/** Writes it in decimal, and returns where it ends. */
export function writeDecimal(target: Buffer, at: number, value: number): number {
  const end = at + decimalBytes(value);
  let rest = value;
  for (let position = end - 1; position >= at; position--) {
    const next = rest < 0x7fffffff ? (rest / 10) | 0 : Math.floor(rest / 10);
    target[position] = 0x30 + (rest - next * 10);
    rest = next;
  }
  return end;
}

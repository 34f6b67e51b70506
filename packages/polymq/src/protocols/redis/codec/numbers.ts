/** Numbers as RESP has them: decimal digits, a carriage return and a line feed. */
const CR = 13;
const LF = 10;
const ZERO = 48;
const MINUS = 45;

/** The longest integer reply or header: a type, a sign, sixteen digits, CR LF. */
export const NUMBER_LINE_BYTES_MAX = 20;

/** Writes `<type><value>CR LF` at `at`, where `NUMBER_LINE_BYTES_MAX` must fit, and returns the position behind. */
export function writeNumberLine(target: Buffer, at: number, type: number, value: number): number {
  let end = at;
  target[end++] = type;
  if (value < 10 && value >= 0) target[end++] = ZERO + value;
  else end = writeDigits(target, end, value);
  target[end++] = CR;
  target[end++] = LF;
  return end;
}

/** How many bytes `writeNumberLine` writes. */
export function numberLineBytes(value: number): number {
  let bytes = value < 0 ? 5 : 4;
  for (let rest = Math.abs(value); rest >= 10; rest = Math.floor(rest / 10)) bytes += 1;
  return bytes;
}

function writeDigits(target: Buffer, at: number, value: number): number {
  let start = at;
  let rest = value;
  if (rest < 0) {
    target[start++] = MINUS;
    rest = -rest;
  }
  let end = start + 1;
  for (let power = 10; power <= rest; power *= 10) end += 1;
  for (let position = end - 1; position >= start; position--) {
    const next = Math.floor(rest / 10);
    target[position] = ZERO + (rest - next * 10);
    rest = next;
  }
  return end;
}

/**
 * The integer in `[start, end)` as Redis reads it: no sign but `-`, no leading zeros, nothing around it. NaN if it is
 * none, or has more than fifteen digits.
 */
export function readInteger(buffer: Buffer, start: number, end: number): number {
  const negative = buffer[start] === MINUS && end - start > 1;
  let at = negative ? start + 1 : start;
  const digits = end - at;
  if (digits < 1 || digits > 15) return Number.NaN;
  if (buffer[at] === ZERO && (digits > 1 || negative)) return Number.NaN;
  let value = 0;
  for (; at < end; at++) {
    const digit = buffer[at]! - ZERO;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return negative ? -value : value;
}

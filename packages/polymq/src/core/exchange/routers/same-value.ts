/**
 * Whether a header has the value that a binding asks for: numbers by value whatever their width, text and bytes by their
 * bytes, lists and tables by what is in them. Nothing else is converted: "1" is not 1.
 */
export function sameValue(wanted: unknown, value: unknown): boolean {
  if (wanted === value) return true;
  if (isNumber(wanted) && isNumber(value)) {
    // biome-ignore lint/suspicious/noDoubleEquals: a number and a bigint are equal if their values are.
    return wanted == value;
  }
  if (value instanceof Uint8Array || wanted instanceof Uint8Array) return sameBytes(wanted, value);
  if (!isObject(wanted) || !isObject(value)) return false;
  if (Array.isArray(wanted) !== Array.isArray(value)) return false;
  const names = Object.keys(wanted);
  if (names.length !== Object.keys(value).length) return false;
  return names.every((name) => Object.hasOwn(value, name) && sameValue(wanted[name], value[name]));
}

function sameBytes(wanted: unknown, value: unknown): boolean {
  const first = bytesOf(wanted);
  const second = bytesOf(value);
  return first !== undefined && second !== undefined && first.equals(second);
}

function bytesOf(value: unknown): Buffer | undefined {
  if (typeof value === 'string') return Buffer.from(value, 'utf8');
  return value instanceof Uint8Array
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    : undefined;
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

import type { MessageContract } from './contract.ts';

/**
 * Whether two sets of options mean the same: plain data by value, functions by their text, contracts by name and version, and other
 * instances by identity. So the same call, made twice, means the same.
 */
export function sameOptions(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one === 'function' && typeof other === 'function') return sameText(one, other);
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) {
    return false;
  }
  if (isContract(one) && isContract(other)) {
    return one.name === other.name && one.version === other.version;
  }
  if (!isPlain(one) || !isPlain(other)) return false;
  const left = definedEntries(one);
  const right = new Map(definedEntries(other));
  return (
    left.length === right.size &&
    left.every(([key, value]) => right.has(key) && sameOptions(value, right.get(key)))
  );
}

/** Functions of the runtime, bound ones among them, show none. */
function sameText(one: unknown, other: unknown): boolean {
  const text = String(one);
  return text === String(other) && !text.includes('[native code]');
}

function isContract(value: object): value is MessageContract {
  return 'encode' in value && 'decode' in value && 'version' in value;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === Array.prototype || prototype === null;
}

function definedEntries(value: object): [string, unknown][] {
  return Object.entries(value).filter(([, each]) => each !== undefined);
}

/** Whether two sets of options mean the same: plain data by value, functions and instances by identity. */
export function sameOptions(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) {
    return false;
  }
  if (!isPlain(one) || !isPlain(other)) return false;
  const left = definedEntries(one);
  const right = new Map(definedEntries(other));
  return (
    left.length === right.size &&
    left.every(([key, value]) => right.has(key) && sameOptions(value, right.get(key)))
  );
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === Array.prototype || prototype === null;
}

function definedEntries(value: object): [string, unknown][] {
  return Object.entries(value).filter(([, each]) => each !== undefined);
}

/**
 * Values that prove themselves: a number that is unique over the run, then filling that follows from it. A
 * value that was damaged on its way is told from one that belongs somewhere else.
 */
const FILLING = 'abcdefghijklmnopqrstuvwxyz0123456789';
const FILLING_BYTES_MAX = 400;

export function encodeValue(id: string): string {
  return `${id}.${filling(id)}`;
}

/** The id, or a text that no producer ever used if the value is not what its id says. */
export function decodeValue(value: Buffer | string | null | undefined): string {
  const text = value?.toString() ?? '';
  const id = text.slice(0, text.indexOf('.'));
  return encodeValue(id) === text ? id : `damaged value "${text.slice(0, 80)}"`;
}

function filling(id: string): string {
  let hash = 17;
  for (let i = 0; i < id.length; i += 1) hash = (Math.imul(hash, 31) + id.charCodeAt(i)) >>> 0;
  const length = hash % FILLING_BYTES_MAX;
  const start = hash % FILLING.length;
  const round = FILLING.slice(start) + FILLING.slice(0, start);
  return round.repeat(Math.ceil(length / FILLING.length)).slice(0, length);
}

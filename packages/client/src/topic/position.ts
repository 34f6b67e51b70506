import type { Position } from '../driver/driver.ts';
import { PolymqError } from '../errors.ts';
import type { From } from './topic.ts';

/** Where reading begins, for the driver. Throws `invalid-argument` naming `what`. */
export function positionOf(from: From, what: string): Position {
  if (from === 'new' || from === 'start') return { at: from };
  if (from instanceof Date) {
    const timeMs = from.getTime();
    if (Number.isNaN(timeMs)) throw invalid(from, what);
    return { at: 'time', timeMs };
  }
  if (typeof from === 'number') return { at: 'offsets', offsets: checkedOffset(from, from, what) };
  if (typeof from !== 'object' || from === null) throw invalid(from, what);
  const offsets = Object.entries(from).map(([partition, offset]): [number, number] => [
    checkedOffset(Number(partition), from, what),
    checkedOffset(offset, from, what),
  ]);
  return { at: 'offsets', offsets: new Map(offsets) };
}

function checkedOffset(value: number, from: From, what: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw invalid(from, what);
}

function invalid(from: unknown, what: string): PolymqError {
  return new PolymqError(
    'invalid-argument',
    `${what} is ${JSON.stringify(from)}; give 'new', 'start', a Date, an offset, or offsets by partition`,
  );
}

import type { DeclaredValue } from '../queue/queue-definition.ts';
import type { StreamStart } from './record-cursor.ts';

/** The argument of a binding that says where in its source stream it starts. */
export const START_ARGUMENT = 'x-stream-offset';

const UNIT_MS: Readonly<Record<string, number>> = {
  Y: 31_536_000_000,
  M: 2_592_000_000,
  D: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1000,
};

/**
 * Reads `first`, `last`, `next`, an offset, or how long ago, such as `7D` or `90m`. Nothing said means `next`: what is
 * appended from now on. `undefined` if it is none of these.
 */
export function parseStreamStart(
  value: DeclaredValue | undefined,
  nowMs: number,
): StreamStart | undefined {
  if (value === undefined || value === null) return 'next';
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  }
  if (value === 'first' || value === 'last' || value === 'next') return value;
  const [, count, unit] = /^(\d{1,9})([YMDhms])$/.exec(String(value)) ?? [];
  if (count === undefined) return undefined;
  return { timestampMs: nowMs - Number(count) * UNIT_MS[unit!]! };
}

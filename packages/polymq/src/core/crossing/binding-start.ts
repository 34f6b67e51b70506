import { intervalMs } from '../../lib/interval.ts';
import type { DeclaredValue } from '../queue/queue-definition.ts';
import type { StreamStart } from './record-cursor.ts';

/** The argument that says where in a stream a binding or a consumer starts, and the header that says where a record is. */
export const START_ARGUMENT = 'x-stream-offset';

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
  const agoMs = intervalMs(String(value));
  return agoMs === undefined ? undefined : { timestampMs: nowMs - agoMs };
}

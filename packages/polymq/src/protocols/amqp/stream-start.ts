import { parseStreamStart } from '../../core/crossing/binding-start.ts';
import type { StreamStart } from '../../core/crossing/record-cursor.ts';
import type { FieldValue } from './methods/row.ts';

/** What `x-stream-offset` says, if it is text or a number as the core reads them; missing means `next`. */
export function streamStart(value: FieldValue | undefined, nowMs: number): StreamStart | undefined {
  const plain = typeof value === 'number' || typeof value === 'string' || value === undefined;
  return plain ? parseStreamStart(value, nowMs) : undefined;
}

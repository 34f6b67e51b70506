/**
 * Marks whose entries lie where the journal is to be trimmed are written again at its end. There may be a million of them, most
 * of which will be forgotten before long (`dedup-window.ts`), so that writing them again and again would be more work than
 * all else. So the journal is trimmed only as far as the marks that must be written again are a small part of what that frees:
 *
 *   extents    ▓▓▓▓▓▓ ▓▓▓▓▓▓ ▓▓▓▓▓▓ ▓▓▓▓▓▓ │ alive …
 *   marks           ·      · ······ ······
 *   trimmed    ───────────► or ──────────► the furthest end up to which marks have at most a quarter
 *
 * All is done in slices: the event loop is not held.
 */
import type { Timers } from '../../../lib/environment/clock.ts';
import type { Extents } from './extents.ts';
import { MARK_HEAD_BYTES } from './journal-entry.ts';
import type { Mark } from './restoring.ts';

/** So many are written again whatever that frees. */
const FEW = 1000;
const PART_MAX = 0.25;
/** Looked at, and written, in one turn. */
const LOOKED_AT_PER_TURN = 16_384;
const WRITTEN_PER_TURN = 2048;

type Marks = ReadonlyMap<string, Mark>;

/** How far the journal shall be trimmed if nothing but marks needs what is below `end`, which is the end of an extent. */
export async function endForMarks(
  marks: Marks,
  extents: Extents,
  timers: Timers,
  end: number,
): Promise<number> {
  if (marks.size <= FEW) return end;
  const ends: number[] = [];
  const bytes: number[] = [];
  for (const extent of extents.list) {
    if (extent.end > end) break;
    ends.push(extent.end);
    bytes.push(extent.bytes);
  }
  const markBytes = await bytesOfMarks(marks, ends, timers);
  let best = 0;
  let freedBytes = 0;
  let writtenBytes = 0;
  for (const [index, extentEnd] of ends.entries()) {
    freedBytes += bytes[index]!;
    writtenBytes += markBytes[index]!;
    if (writtenBytes <= PART_MAX * freedBytes) best = extentEnd;
  }
  return best;
}

/** Writes again what lies below `before`. */
export async function rewriteMarks(
  marks: Map<string, Mark>,
  before: number,
  timers: Timers,
  write: (name: string, value: number) => number,
): Promise<void> {
  let written = 0;
  let lookedAt = 0;
  for (const [name, mark] of marks) {
    if (mark.offset < before) {
      mark.offset = write(name, mark.value);
      written++;
    }
    if (++lookedAt % LOOKED_AT_PER_TURN !== 0 && written < WRITTEN_PER_TURN) continue;
    written = 0;
    await turn(timers);
  }
}

/** What the marks in each extent need, those further back in the first. */
async function bytesOfMarks(
  marks: Marks,
  ends: readonly number[],
  timers: Timers,
): Promise<Float64Array> {
  const bytes = new Float64Array(ends.length);
  const last = ends.at(-1) ?? 0;
  let lookedAt = 0;
  for (const [name, { offset }] of marks) {
    if (offset < last) bytes[indexOf(ends, offset)]! += MARK_HEAD_BYTES + name.length;
    if (++lookedAt % LOOKED_AT_PER_TURN === 0) await turn(timers);
  }
  return bytes;
}

/** The first extent that ends behind the offset. */
function indexOf(ends: readonly number[], offset: number): number {
  let low = 0;
  let high = ends.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ends[middle]! <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

function turn(timers: Timers): Promise<void> {
  return new Promise((resolve) => timers.immediate(resolve));
}

/**
 * The batches of one log that are in no segment file yet, in order.
 *
 *   ◄──────── runs ─────────────────────────────►
 *   [ safe: in the commit log ][ fresh: only here ]
 *
 * The safe part may wait to be written in larger pieces; the fresh part is what the next commit is about.
 * A run is what follows each other in one segment.
 */
import { batchBaseOffset, batchNextOffset } from '../batch.ts';
import type { Segment } from './segment.ts';

export interface Run {
  segment: Segment;
  position: number;
  buffers: Buffer[];
  bytes: number;
  endOffset: number;
}

export class PendingRuns {
  #safe: Run[] = [];
  #fresh: Run[] = [];
  safeBytes = 0;
  freshBytes = 0;

  get bytes(): number {
    return this.safeBytes + this.freshBytes;
  }

  add(segment: Segment, position: number, batch: Buffer): void {
    this.freshBytes += batch.length;
    const last = this.#fresh[this.#fresh.length - 1];
    if (last !== undefined && last.segment === segment) {
      last.buffers.push(batch);
      last.bytes += batch.length;
      last.endOffset = segment.endOffset;
      return;
    }
    const { endOffset } = segment;
    this.#fresh.push({ segment, position, buffers: [batch], bytes: batch.length, endOffset });
  }

  /** Takes out what is fresh, for a round of the commit log. */
  takeFresh(): Run[] {
    const runs = this.#fresh;
    this.#fresh = [];
    this.freshBytes = 0;
    return runs;
  }

  /** What was taken is in the commit log now. */
  addSafe(runs: readonly Run[]): void {
    for (const run of runs) {
      this.safeBytes += run.bytes;
      const last = this.#safe[this.#safe.length - 1];
      if (last !== undefined && last.segment === run.segment) {
        for (const buffer of run.buffers) last.buffers.push(buffer);
        last.bytes += run.bytes;
        last.endOffset = run.endOffset;
      } else {
        this.#safe.push(run);
      }
    }
  }

  /** Puts back what a round of the commit log could not take. */
  putBackFresh(runs: Run[]): void {
    for (const run of runs) this.freshBytes += run.bytes;
    this.#fresh = [...runs, ...this.#fresh];
  }

  takeSafe(): Run[] {
    const runs = this.#safe;
    this.#safe = [];
    this.safeBytes = 0;
    return runs;
  }

  /** Puts back, before all others, what could not be written and may not be given up. */
  putBackSafe(runs: Run[]): void {
    for (const run of runs) this.safeBytes += run.bytes;
    this.#safe = [...runs, ...this.#safe];
  }

  clear(): void {
    this.takeSafe();
    this.takeFresh();
  }
}

/** Divides runs at an offset at which a batch begins. */
export function splitRuns(runs: readonly Run[], offset: number): { before: Run[]; from: Run[] } {
  const before: Run[] = [];
  const from: Run[] = [];
  for (const run of runs) {
    if (run.endOffset <= offset) before.push(run);
    else if (batchBaseOffset(run.buffers[0]!, 0) >= offset) from.push(run);
    else {
      const count = run.buffers.findIndex((batch) => batchBaseOffset(batch, 0) >= offset);
      before.push(makeRun(run.segment, run.position, run.buffers.slice(0, count)));
      const { position, bytes } = before[before.length - 1]!;
      from.push(makeRun(run.segment, position + bytes, run.buffers.slice(count)));
    }
  }
  return { before, from };
}

function makeRun(segment: Segment, position: number, buffers: Buffer[]): Run {
  const bytes = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
  return {
    segment,
    position,
    buffers,
    bytes,
    endOffset: batchNextOffset(buffers[buffers.length - 1]!, 0),
  };
}

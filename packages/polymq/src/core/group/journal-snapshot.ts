/**
 * Snapshots of the group journal, as blobs of lines:
 *
 *   {"v":1, "sequence":7, "nextOffset":123456}    replay the log from `nextOffset` on top of this
 *   one journal entry per line
 *   {"end":4711}                                  the number of entries: the snapshot is whole
 *
 * Two blobs take turns, `groups/0` and `groups/1`; the one with the higher sequence that is whole counts.
 */
import type { Timers } from '../../lib/environment/clock.ts';
import type { BlobStore } from '../../log/log.ts';
import { decodeEntry, encodeEntry, type JournalEntry } from './journal-entry.ts';

export interface Snapshot {
  sequence: number;
  nextOffset: number;
  bytes: number;
}

export interface SnapshotSource {
  blobs: BlobStore;
  timers: Timers;
  prefix: string;
  sequence: number;
  nextOffset: number;
  entries: Iterable<JournalEntry>;
}

const VERSION = 1;
/** What is encoded without letting others run: about a millisecond. */
const SLICE_BYTES = 128 * 1024;

export async function writeSnapshot(source: SnapshotSource): Promise<Snapshot> {
  const { sequence, nextOffset } = source;
  const slices: Buffer[] = [];
  let text = `${JSON.stringify({ v: VERSION, sequence, nextOffset })}\n`;
  let count = 0;
  for (const entry of source.entries) {
    text += `${encodeEntry(entry)}\n`;
    count++;
    if (text.length < SLICE_BYTES) continue;
    slices.push(Buffer.from(text));
    text = '';
    await new Promise<void>((resolve) => source.timers.immediate(resolve));
  }
  slices.push(Buffer.from(`${text}${JSON.stringify({ end: count })}\n`));
  const content = Buffer.concat(slices);
  await source.blobs.put(`${source.prefix}/${sequence % 2}`, content);
  return { sequence, nextOffset, bytes: content.length };
}

export async function loadSnapshot(
  blobs: BlobStore,
  prefix: string,
): Promise<{ snapshot: Snapshot | undefined; entries: JournalEntry[] }> {
  const candidates: Parsed[] = [];
  for (const slot of [0, 1]) {
    const content = await blobs.get(`${prefix}/${slot}`);
    const parsed = content && parse(content);
    if (parsed) candidates.push(parsed);
  }
  candidates.sort((a, b) => b.snapshot.sequence - a.snapshot.sequence);
  const newest = candidates[0];
  if (newest === undefined) return { snapshot: undefined, entries: [] };
  return { snapshot: newest.snapshot, entries: newest.lines.map(decodeEntry) };
}

interface Parsed {
  snapshot: Snapshot;
  lines: string[];
}

/** Undefined if the snapshot is not whole. */
function parse(content: Buffer): Parsed | undefined {
  const lines = content.toString().split('\n');
  if (lines.pop() !== '') return undefined;
  const last = JSON.parse(lines.pop() ?? '{}') as { end?: number };
  const head = JSON.parse(lines.shift() ?? '{}') as {
    v?: number;
    sequence?: number;
    nextOffset?: number;
  };
  if (last.end !== lines.length || head.sequence === undefined || head.nextOffset === undefined) {
    return undefined;
  }
  if (head.v !== VERSION) {
    throw new Error(
      `the snapshot of consumer groups has version ${head.v}, this broker reads ${VERSION}`,
    );
  }
  const { sequence, nextOffset } = head;
  return { snapshot: { sequence, nextOffset, bytes: content.length }, lines };
}

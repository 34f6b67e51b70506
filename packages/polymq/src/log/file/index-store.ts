/**
 * The sparse indexes of segments: loaded when somebody looks for an offset, made again where the file is missing
 * or damaged, and forgotten for all but the closed segments used last, so that memory does not
 * grow with the size of the log.
 */
import type { Disk, DiskFile } from '../../lib/environment/disk.ts';
import { batchBaseOffset, batchMaxTimestamp } from '../batch.ts';
import type { DamageList } from './damage.ts';
import { scanHeaders } from './header-scan.ts';
import { readIndexFile, writeIndexFile } from './index-file.ts';
import { indexPathOf } from './names.ts';
import type { Segment } from './segment.ts';
import { SegmentIndex } from './segment-index.ts';

const LOADED_MAX = 64;
/** Smaller segments get no index file: reading through them takes a few milliseconds. */
const FILE_SEGMENT_BYTES_MIN = 1024 * 1024;

export class IndexStore {
  readonly #disk: Disk;
  readonly #loading = new Map<Segment, Promise<void>>();
  /** Closed segments whose index is in memory and on disk, longest unused first. */
  readonly #loaded = new Set<Segment>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** The index covers the whole segment when it resolves. */
  async ensure(segment: Segment, file: DiskFile, damage: DamageList): Promise<void> {
    if (segment.index.from === 0) {
      if (this.#loaded.delete(segment)) this.#loaded.add(segment);
      return;
    }
    let loading = this.#loading.get(segment);
    if (loading === undefined) {
      loading = this.#load(segment, file, damage).finally(() => this.#loading.delete(segment));
      this.#loading.set(segment, loading);
    }
    await loading;
  }

  /** Writes the index beside a segment that is complete, or that is being closed with its log. */
  async write(segment: Segment, damage: DamageList): Promise<void> {
    if (segment.bytes < FILE_SEGMENT_BYTES_MIN) return;
    await segment.file.use((file) => this.ensure(segment, file, damage));
    await writeIndexFile(this.#disk, indexPathOf(segment.file.path), segment.index, segment.bytes);
    if (segment.closed) this.#noteLoaded(segment);
  }

  async #load(segment: Segment, file: DiskFile, damage: DamageList): Promise<void> {
    const { from } = segment.index;
    const found = await readIndexFile(this.#disk, indexPathOf(segment.file.path));
    const earlier = found?.index ?? new SegmentIndex();
    earlier.truncate(from);
    if (found === undefined || found.coveredBytes < from) {
      await rebuild(earlier, segment, { file, damage, from, covered: found?.coveredBytes ?? 0 });
    }
    if (segment.index.from === from) segment.index.prepend(earlier);
    if (segment.closed && segment.bytes >= FILE_SEGMENT_BYTES_MIN) {
      if (found === undefined || found.coveredBytes < segment.bytes) {
        await writeIndexFile(
          this.#disk,
          indexPathOf(segment.file.path),
          segment.index,
          segment.bytes,
        );
      }
      this.#noteLoaded(segment);
    }
  }

  #noteLoaded(segment: Segment): void {
    segment.indexed = true;
    this.#loaded.delete(segment);
    this.#loaded.add(segment);
    if (this.#loaded.size <= LOADED_MAX) return;
    for (const oldest of this.#loaded) {
      this.#loaded.delete(oldest);
      oldest.index.drop(oldest.bytes);
      return;
    }
  }
}

/** Adds the entries of `[covered, from)`, starting where `index` ends. */
async function rebuild(
  index: SegmentIndex,
  segment: Segment,
  range: { file: DiskFile; damage: DamageList; from: number; covered: number },
): Promise<void> {
  const last = index.count - 1;
  let at =
    last < 0
      ? { position: 0, offset: segment.baseOffset }
      : { position: index.positionAt(last), offset: index.offsetAt(last) };
  for (;;) {
    const damaged = range.damage.from(segment.baseOffset, at.position);
    const end = Math.min(range.from, damaged?.position ?? range.from);
    at = await scanHeaders(range.file, at, end, (header, headerAt, position) => {
      if (position >= range.covered) {
        const offset = batchBaseOffset(header, headerAt);
        index.add(offset, position, batchMaxTimestamp(header, headerAt));
      }
      return true;
    });
    // Bytes that do not follow are found and taken out of service when they are read.
    if (damaged === undefined || damaged.position > at.position || end >= range.from) return;
    at = { position: damaged.endPosition, offset: damaged.end };
  }
}

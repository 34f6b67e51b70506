/**
 * The shared commit log: makes small batches of many logs durable with one fdatasync.
 *
 * A round copies what is pending in each of its logs into one frame, writes it and syncs it; then the logs have
 * committed. The batches reach their segments later, in larger writes and unsynced; until then they are
 * in memory. A checkpoint writes and syncs the segments, after which the frames are not needed any more.
 *
 * Two files take turns. They are filled with zeros before use and never truncated, so a sync has
 * no change of the file's size to record (a quarter faster here):
 *
 *   commit/0  [frame 7][frame 8][frame 9][zeros or frames 1, 2, …]   ◄── active
 *   commit/1  [frame 4][frame 5][frame 6][…]                         free once 6 < the checkpoint's mark
 *
 * When the active file is full and the other is not free yet, `add` refuses and the log commits by its own
 * segment. While a round is in flight, the next one gathers.
 *
 * A failed write or sync stops all logs of the round, and the commit log takes no more.
 */
import { join } from 'node:path';
import type { DiskFile } from '../../lib/environment/disk.ts';
import type { Environment } from '../../lib/environment/environment.ts';
import type { LogEngineMetrics } from '../log.ts';
import {
  type CommitEntry,
  entryOverheadBytes,
  FRAME_HEADER_BYTES,
  readFrame,
  sealFrame,
  writeEntryHead,
} from './commit-frame.ts';
import { isStorageFull } from './storage-error.ts';

const FILE_BYTES_DEFAULT = 32 * 1024 * 1024;
const ZEROS_BYTES = 1024 * 1024;
/** Writing this much to the page cache keeps the loop busy for less than 0.2 ms. */
const SYNC_WRITE_BYTES_MAX = 512 * 1024;
/** A round is not made larger than this; what is over goes with the next. */
const ROUND_BYTES_MAX = 2 * 1024 * 1024;

/** Left out at every start, so that no torn or stale frame can have a sequence that is used again. */
const SEQUENCE_GAP = 1_000_000;

/** A log that takes part in rounds. */
export interface CommitParticipant {
  readonly idBytes: Buffer;
  readonly nameBytes: Buffer;
  /** What the next round would take: runs of whole batches with their places. */
  pendingRuns(): { segmentBase: number; position: number; buffers: Buffer[]; bytes: number }[];
  /** The round with what `pendingRuns` gave last has been written. */
  journalWritten(): void;
  /** … and synced. */
  journalSynced(): void;
  journalFailed(error: unknown): void;
  /** There is no room for the commit log on the disk: commit by the segment. Nothing was written. */
  journalRefused(): void;
}

interface CommitFile {
  file: DiskFile;
  /** Bytes up to here hold zeros or frames: no write below changes the size of the file. */
  filledBytes: number;
  position: number;
  lastSequence: number;
}

export interface CommitLogOptions {
  fileBytes?: number;
  /** Called when the other file has become the active one: time for a checkpoint. */
  onSwitch(): void;
}

export class CommitLog {
  readonly #environment: Pick<Environment, 'clock'>;
  readonly #metrics: LogEngineMetrics;
  readonly #files: [CommitFile, CommitFile];
  readonly #fileBytes: number;
  readonly #onSwitch: () => void;
  #active = 0;
  #nextSequence: number;
  /** Frames below are not needed any more. */
  #releasedBelow: number;
  #queue: CommitParticipant[] = [];
  #inFlightSequence: number | undefined;
  #running = false;
  #failed = false;
  #frame: Buffer = Buffer.allocUnsafeSlow(256 * 1024);

  constructor(
    environment: Pick<Environment, 'clock'>,
    metrics: LogEngineMetrics,
    files: [DiskFile, DiskFile],
    start: { nextSequence: number; sizes: [number, number] } & CommitLogOptions,
  ) {
    this.#environment = environment;
    this.#metrics = metrics;
    this.#fileBytes = start.fileBytes ?? FILE_BYTES_DEFAULT;
    this.#onSwitch = start.onSwitch;
    this.#nextSequence = start.nextSequence;
    this.#releasedBelow = start.nextSequence;
    const fresh = (file: DiskFile, filledBytes: number): CommitFile => ({
      file,
      filledBytes,
      position: 0,
      lastSequence: -1,
    });
    this.#files = [fresh(files[0], start.sizes[0]), fresh(files[1], start.sizes[1])];
  }

  /** Opens the files of the folder and finds the frames from `commitFrom` on. */
  static async open(
    environment: Pick<Environment, 'clock' | 'disk'>,
    directory: string,
    commitFrom: number,
  ): Promise<{ files: [DiskFile, DiskFile]; sizes: [number, number]; frames: CommitFrames }> {
    const { disk } = environment;
    const files: DiskFile[] = [];
    const sizes: number[] = [];
    const found: { sequence: number; entries: CommitEntry[] }[] = [];
    for (const number of [0, 1]) {
      const path = join(directory, String(number));
      const content = (await disk.readFile(path)) ?? Buffer.alloc(0);
      found.push(...framesOf(content));
      sizes.push(content.length);
      files.push(await disk.open(path, { create: true }));
    }
    await disk.syncDirectory(directory);
    const frames = found
      .filter(({ sequence }) => sequence >= commitFrom)
      .sort((a, b) => a.sequence - b.sequence);
    const highest = found.reduce((max, { sequence }) => Math.max(max, sequence), commitFrom - 1);
    return {
      files: files as [DiskFile, DiskFile],
      sizes: sizes as [number, number],
      frames: {
        entries: frames.flatMap(({ entries }) => entries),
        nextSequence: highest + 1 + SEQUENCE_GAP,
      },
    };
  }

  /** All frames below are synced, and their logs know it. */
  get completeBelow(): number {
    return this.#inFlightSequence ?? this.#nextSequence;
  }

  get releasedBelow(): number {
    return this.#releasedBelow;
  }

  get idle(): boolean {
    return !this.#running && this.#queue.length === 0;
  }

  /** Whether `bytes` can go through a round now. */
  accepts(bytes: number): boolean {
    return !this.#failed && bytes <= ROUND_BYTES_MAX && this.#hasRoom(bytes + 4096);
  }

  /** The log takes part in the next round. */
  add(participant: CommitParticipant): void {
    this.#queue.push(participant);
  }

  /** Starts a round unless one is in flight. Called at the end of a turn. */
  start(): void {
    if (this.#running || this.#queue.length === 0) return;
    this.#running = true;
    void this.#round();
  }

  /** Frames below `sequence` are not needed any more. */
  release(sequence: number): void {
    this.#releasedBelow = Math.max(this.#releasedBelow, sequence);
  }

  async close(): Promise<void> {
    await Promise.all(this.#files.map(({ file }) => file.close()));
  }

  async #round(): Promise<void> {
    const members: CommitParticipant[] = [];
    try {
      const end = this.#fill(members);
      if (!(await this.#write(members, end))) return;
      await this.#sync();
    } catch (error) {
      this.#failed = true;
      const rest = this.#queue;
      this.#queue = [];
      this.#running = false;
      for (const member of [...members, ...rest]) member.journalFailed(error);
      return;
    }
    this.#running = false;
    this.#inFlightSequence = undefined;
    for (const member of members) member.journalSynced();
    this.start();
  }

  /** Takes members from the queue into the frame. Returns its end. */
  #fill(members: CommitParticipant[]): number {
    let end = FRAME_HEADER_BYTES;
    let taken = 0;
    for (const member of this.#queue) {
      if (end > ROUND_BYTES_MAX) break;
      for (const run of member.pendingRuns()) {
        const wanted = end + entryOverheadBytes(member.nameBytes) + run.bytes;
        if (wanted > this.#frame.length) this.#growFrame(end, wanted);
        end = writeEntryHead(this.#frame, end, {
          id: member.idBytes,
          name: member.nameBytes,
          segmentBase: run.segmentBase,
          position: run.position,
          bytes: run.bytes,
        });
        for (const buffer of run.buffers) {
          this.#frame.set(buffer, end);
          end += buffer.length;
        }
      }
      members.push(member);
      taken++;
    }
    this.#queue = this.#queue.slice(taken);
    return end;
  }

  /** False if the disk is full: the members were sent elsewhere. */
  async #write(members: CommitParticipant[], end: number): Promise<boolean> {
    try {
      const active = await this.#room(end);
      const sequence = this.#nextSequence++;
      this.#inFlightSequence = sequence;
      sealFrame(this.#frame, end, sequence);
      const frame = this.#frame.subarray(0, end);
      if (end <= SYNC_WRITE_BYTES_MAX) active.file.writeSync([frame], active.position);
      else await active.file.write([frame], active.position);
      active.position += end;
      active.lastSequence = sequence;
    } catch (error) {
      if (!isStorageFull(error)) throw error;
      this.#running = false;
      this.#inFlightSequence = undefined;
      for (const member of members) member.journalRefused();
      this.start();
      return false;
    }
    for (const member of members) member.journalWritten();
    return true;
  }

  async #sync(): Promise<void> {
    const { clock } = this.#environment;
    const startMs = clock.monotonicMs();
    await this.#files[this.#active]!.file.datasync();
    this.#metrics.syncs++;
    this.#metrics.commitRounds++;
    this.#metrics.onSync?.(clock.monotonicMs() - startMs);
  }

  /** The file that takes the next `bytes`, with zeros written ahead. */
  async #room(bytes: number): Promise<CommitFile> {
    let active = this.#files[this.#active]!;
    if (active.position + bytes > this.#fileBytes && active.position > 0) {
      const other = this.#files[1 - this.#active]!;
      if (other.lastSequence >= this.#releasedBelow) {
        // `accepts` saw room for less than what came together: the file grows beyond its usual size.
        return active;
      }
      this.#active = 1 - this.#active;
      active = other;
      active.position = 0;
      this.#onSwitch();
    }
    while (active.filledBytes < Math.min(active.position + bytes, this.#fileBytes)) {
      const zeros = ZEROS.subarray(0, Math.min(ZEROS_BYTES, this.#fileBytes - active.filledBytes));
      await active.file.write([zeros], active.filledBytes);
      active.filledBytes += zeros.length;
    }
    return active;
  }

  #hasRoom(bytes: number): boolean {
    if (this.#files[this.#active]!.position + bytes <= this.#fileBytes) return true;
    return this.#files[1 - this.#active]!.lastSequence < this.#releasedBelow;
  }

  #growFrame(used: number, wanted: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(wanted, this.#frame.length * 2));
    larger.set(this.#frame.subarray(0, used));
    this.#frame = larger;
  }
}

export interface CommitFrames {
  entries: CommitEntry[];
  nextSequence: number;
}

const ZEROS = Buffer.alloc(ZEROS_BYTES);

/** The frames at the beginning of a file, as long as each follows the one before. */
function framesOf(content: Buffer): { sequence: number; entries: CommitEntry[] }[] {
  const frames: { sequence: number; entries: CommitEntry[] }[] = [];
  let at = 0;
  for (;;) {
    const frame = readFrame(content, at);
    if (frame === undefined) return frames;
    const last = frames[frames.length - 1];
    if (last !== undefined && frame.sequence !== last.sequence + 1) return frames;
    frames.push({ sequence: frame.sequence, entries: frame.entries });
    at = frame.end;
  }
}

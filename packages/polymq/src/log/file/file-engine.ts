/**
 * The log port in files.
 *
 *   append ─► log-writer ─► commit-round (end of the turn) ─┬─► commit-log    small batches: one fdatasync for all
 *                 │                                         └─► segment       large ones: its own fdatasync
 *                 └─► tail-cache ◄─ read ─► log-reader ─► segment (sparse index, checksums)
 *
 *   background   safe batches to segments, os-mode syncs, checkpoints
 *   recovery     checkpoint + commit log + one pass over what lies behind the checkpoint
 *   quarantine   damaged ranges, never served
 *
 * The data directory is drawn in `data-directory.ts`. Order of opening: lock, format, checkpoint, commit log;
 * logs that the commit log speaks of are recovered at once, then a checkpoint that says "running" is written, and
 * only then anything is appended. All other logs are opened when somebody asks for them.
 */
import { join } from 'node:path';
import { ArenaPool } from '../../lib/arena.ts';
import type { Environment } from '../../lib/environment/environment.ts';
import type { BlobStore, Log, LogEngine, LogEngineMetrics, LogOptions } from '../log.ts';
import { Background } from './background.ts';
import { FileBlobs } from './blobs.ts';
import { asPartial, type Checkpoint, decodeLog, readCheckpoint } from './checkpoint.ts';
import { Checkpointing } from './checkpointing.ts';
import type { CommitEntry } from './commit-frame.ts';
import { CommitLog } from './commit-log.ts';
import { CommitRounds } from './commit-round.ts';
import { type DataDirectory, openDataDirectory } from './data-directory.ts';
import { DiskSpace } from './disk-space.ts';
import { FileLog } from './file-log.ts';
import { FilePool } from './file-pool.ts';
import { FolderSync } from './folder-sync.ts';
import { IndexStore } from './index-store.ts';
import type { LogContext } from './log-context.ts';
import { listLogNames } from './log-names.ts';
import { LogState } from './log-state.ts';
import { encodeName } from './names.ts';
import { Quarantine } from './quarantine.ts';
import { type RecoveryContext, recoverLog } from './recovery.ts';
import { LogTail, TailCache } from './tail-cache.ts';

export interface FileEngineOptions {
  /** The data directory; created if missing. */
  directory: string;
  /** Memory for the newest batches of all logs. Default 64 MiB. */
  tailCacheBytes?: number;
  /** Segment files open at the same time. Default 1,024. */
  openFilesMax?: number;
  /** How far ahead the file of a busy segment is made longer. Default 64 MiB; 0: not at all. */
  preallocateBytes?: number;
  /** Size of each of the two files of the commit log. Default 32 MiB. */
  commitFileBytes?: number;
  /** Appends are refused while less than this is free. Default 64 MiB. */
  hardFreeBytes?: number;
  /** `metrics.lowSpace` below this. Default 5 % of the disk, at least 1 GiB. */
  lowFreeBytes?: number;
  /** Size of the file that is given up when the disk is full. Default 64 MiB; 0 for none. */
  reserveBytes?: number;
}

export type FileEngineEnvironment = Pick<Environment, 'clock' | 'timers' | 'disk' | 'random'>;

const RECOVERY_OPTIONS: LogOptions = { durability: 'fsync', segmentBytes: 1024 ** 3 };
const RESERVE_BYTES_DEFAULT = 64 * 1024 * 1024;

/**
 * Opens the data directory and recovers it.
 *
 * Throws `DirectoryLockedError` if another process has it, `FormatTooNewError` if a newer version
 * wrote it.
 */
export async function openFileEngine(
  environment: FileEngineEnvironment,
  options: FileEngineOptions,
): Promise<LogEngine> {
  const directory = await openDataDirectory(environment.disk, options.directory);
  try {
    const engine = new FileEngine(environment, directory, options);
    await engine.start();
    return engine;
  } catch (error) {
    await directory.lock.release();
    throw error;
  }
}

const PREALLOCATE_BYTES_DEFAULT = 64 * 1024 * 1024;
/** Free memory kept for reading files. */
const READ_POOL_BYTES = 64 * 1024 * 1024;

class FileEngine implements LogEngine {
  readonly blobs: BlobStore;
  readonly metrics: LogEngineMetrics;
  readonly #environment: FileEngineEnvironment;
  readonly #directory: DataDirectory;
  readonly #options: FileEngineOptions;
  readonly #pool: FilePool;
  readonly #folders: FolderSync;
  readonly #quarantine: Quarantine;
  readonly #space: DiskSpace;
  readonly #logs = new Map<string, Promise<FileLog>>();
  readonly #open = new Set<FileLog>();
  /** Lines of the checkpoint for logs that were not opened yet. */
  readonly #lines = new Map<string, string>();
  readonly #deleting = new Map<string, Promise<void>>();
  #context: LogContext | undefined;
  #checkpointing: Checkpointing | undefined;
  #clean = false;
  #rebooted = false;
  #closed = false;

  constructor(
    environment: FileEngineEnvironment,
    directory: DataDirectory,
    options: FileEngineOptions,
  ) {
    const { disk } = environment;
    this.#environment = environment;
    this.#directory = directory;
    this.#options = options;
    this.#pool = new FilePool(disk, options.openFilesMax ?? 1024);
    this.#folders = new FolderSync(disk);
    this.#quarantine = new Quarantine(disk, directory.quarantine);
    this.#space = new DiskSpace(environment, directory.root, {
      hardFreeBytes: options.hardFreeBytes ?? RESERVE_BYTES_DEFAULT,
      lowFreeBytes: options.lowFreeBytes,
      reserveBytes: options.reserveBytes ?? RESERVE_BYTES_DEFAULT,
    });
    this.blobs = new FileBlobs(disk, directory.blobs);
    this.metrics = createMetrics(this.#space);
  }

  /** Reads what the last process left, and makes the directory ours. */
  async start(): Promise<void> {
    const { disk } = this.#environment;
    const { root, commit } = this.#directory;
    await this.#quarantine.load();
    const found = await readCheckpoint(disk, join(root, 'checkpoint'));
    this.#takeOver(found);
    const { files, sizes, frames } = await CommitLog.open(
      this.#environment,
      commit,
      found?.commitFrom ?? 0,
    );
    const commitLog = new CommitLog(this.#environment, this.metrics, files, {
      nextSequence: frames.nextSequence,
      sizes,
      ...(this.#options.commitFileBytes && { fileBytes: this.#options.commitFileBytes }),
      onSwitch: () => this.#context?.background.checkpoint(),
    });
    const indexes = new IndexStore(disk);
    const checkpointing = new Checkpointing(
      { disk, directory: root, commitLog, indexes },
      this.#lines,
      () => this.#open,
    );
    this.#checkpointing = checkpointing;
    await this.#space.start();
    this.#context = {
      environment: this.#environment,
      metrics: this.metrics,
      pool: this.#pool,
      cache: new TailCache(this.#options.tailCacheBytes ?? 64 * 1024 * 1024),
      commitLog,
      rounds: new CommitRounds(this.#environment, commitLog),
      background: new Background(this.#environment.timers, () => checkpointing.take()),
      space: this.#space,
      folders: this.#folders,
      quarantine: this.#quarantine,
      indexes,
      preallocateBytes: this.#options.preallocateBytes ?? PREALLOCATE_BYTES_DEFAULT,
      arenas: new ArenaPool(READ_POOL_BYTES),
    };
    await this.#recoverCommitted(frames.entries);
    await checkpointing.take();
  }

  async open(name: string, options: LogOptions): Promise<Log> {
    const log = await this.#openLog(name, options, []);
    log.configure(options);
    return log;
  }

  async list(): Promise<string[]> {
    return listLogNames(this.#environment.disk, this.#directory.logs);
  }

  async delete(name: string): Promise<void> {
    await this.#deleting.get(name);
    const deleting = this.#delete(name).finally(() => this.#deleting.delete(name));
    this.#deleting.set(name, deleting);
    await deleting;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const { background, commitLog } = this.#context!;
    await Promise.allSettled(this.#logs.values());
    await Promise.all([...this.#open].map((log) => log.writer.finish()));
    await background.stop();
    await this.#space.stop();
    await this.#checkpointing!.takeClean();
    for (const log of this.#open) log.close('the log engine was closed');
    await this.#pool.closeAll();
    await commitLog.close();
    await this.#directory.lock.release();
  }

  #takeOver(found: Checkpoint | undefined): void {
    const { bootId } = this.#environment.disk;
    this.#clean = found?.clean ?? false;
    this.#rebooted = found?.bootId !== undefined && found.bootId !== bootId;
    for (const [name, line] of found?.lines ?? []) {
      this.#lines.set(name, this.#clean ? line : asPartial(line));
    }
  }

  /** Brings logs up to date for which the commit log holds something. */
  async #recoverCommitted(entries: readonly CommitEntry[]): Promise<void> {
    const byName = new Map<string, CommitEntry[]>();
    for (const entry of entries) {
      const list = byName.get(entry.name) ?? [];
      list.push(entry);
      byName.set(entry.name, list);
    }
    const { disk } = this.#environment;
    for (const [name, own] of byName) {
      // A log that was deleted since must not come back as an empty one.
      if ((await disk.list(this.#path(name))).length === 0) continue;
      await this.#openLog(name, RECOVERY_OPTIONS, own);
    }
  }

  async #openLog(
    name: string,
    options: LogOptions,
    entries: readonly CommitEntry[],
  ): Promise<FileLog> {
    if (this.#closed) throw new Error('the log engine was closed');
    await this.#deleting.get(name);
    let opening = this.#logs.get(name);
    if (opening === undefined) {
      opening = this.#recover(name, options, entries);
      this.#logs.set(name, opening);
      opening.catch(() => this.#logs.delete(name));
    }
    return opening;
  }

  async #recover(
    name: string,
    options: LogOptions,
    entries: readonly CommitEntry[],
  ): Promise<FileLog> {
    const context = this.#context!;
    const line = this.#lines.get(name);
    const directory = this.#path(name);
    const recovered = await recoverLog(this.#recoveryContext(), {
      name,
      directory,
      parent: this.#directory.logs,
      known: line === undefined ? undefined : decodeLog(line),
      clean: this.#clean,
      rebooted: this.#rebooted,
      entries,
    });
    const cache = new LogTail(context.cache, options.keepsTail ?? true);
    const log = new FileLog(
      new LogState({ name, directory, options, cache, ...recovered }),
      context,
    );
    this.#lines.delete(name);
    this.#open.add(log);
    return log;
  }

  #recoveryContext(): RecoveryContext {
    return {
      disk: this.#environment.disk,
      pool: this.#pool,
      folders: this.#folders,
      quarantine: this.#quarantine,
      newId: () => this.#environment.random.bytes(8).toString('hex'),
      onDamage: () => {
        this.metrics.damagedRanges++;
      },
    };
  }

  async #delete(name: string): Promise<void> {
    const { disk } = this.#environment;
    const log = await this.#logs.get(name)?.catch(() => undefined);
    this.#logs.delete(name);
    this.#lines.delete(name);
    if (log !== undefined) {
      log.close('the log was deleted');
      this.#open.delete(log);
      await Promise.all(log.state.segments.map((segment) => segment.file.retire()));
    }
    // Aside first: after a crash in the middle of it there is no half of a log under this name.
    const aside = join(this.#directory.trash, this.#environment.random.bytes(8).toString('hex'));
    if ((await disk.list(this.#path(name))).length > 0) {
      await disk.rename(this.#path(name), aside);
      await this.#folders.sync(join(this.#path(name), '..'));
      await disk.removeTree(aside);
    }
    await this.#quarantine.forget(name);
  }

  #path(name: string): string {
    return join(this.#directory.logs, ...encodeName(name));
  }
}

function createMetrics(space: DiskSpace): LogEngineMetrics {
  return {
    appendedBytes: 0,
    appendedBatches: 0,
    readBytes: 0,
    commitRounds: 0,
    syncs: 0,
    onSync: undefined,
    damagedRanges: 0,
    get freeBytes() {
      return space.free;
    },
    get lowSpace() {
      return space.low;
    },
  };
}

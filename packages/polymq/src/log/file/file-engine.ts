/** The log port in files. */
import { join } from 'node:path';
import type { Environment } from '../../lib/environment/environment.ts';
import { batchBytes } from '../batch.ts';
import type { BlobStore, Log, LogEngine, LogEngineMetrics, LogOptions } from '../log.ts';
import { LogFailedError } from '../log.ts';
import { scanBatches } from './batch-scan.ts';
import { FileBlobs } from './blobs.ts';
import { CommitRounds } from './commit-round.ts';
import { type DataDirectory, openDataDirectory } from './data-directory.ts';
import { FileLog } from './file-log.ts';
import { FilePool } from './file-pool.ts';
import type { LogContext } from './log-context.ts';
import { LogState } from './log-state.ts';
import {
  decodeName,
  encodeName,
  isContinued,
  parseSegmentFileName,
  segmentFileName,
} from './names.ts';
import { Segment } from './segment.ts';
import { LogTail, TailCache } from './tail-cache.ts';

export interface FileEngineOptions {
  /** The data directory; created if missing. */
  directory: string;
  /** Memory for the newest batches of all logs. Default 64 MiB. */
  tailCacheBytes?: number;
  /** Segment files open at the same time. Default 1,024. */
  openFilesMax?: number;
}

export type FileEngineEnvironment = Pick<Environment, 'clock' | 'timers' | 'disk' | 'random'>;

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
  return new FileEngine(environment, directory, options);
}

class FileEngine implements LogEngine {
  readonly blobs: BlobStore;
  readonly metrics: LogEngineMetrics = {
    appendedBytes: 0,
    appendedBatches: 0,
    readBytes: 0,
    commitRounds: 0,
    syncs: 0,
    onSync: undefined,
    damagedRanges: 0,
  };
  readonly #directory: DataDirectory;
  readonly #context: LogContext;
  readonly #logs = new Map<string, Promise<FileLog>>();

  constructor(
    environment: FileEngineEnvironment,
    directory: DataDirectory,
    options: FileEngineOptions,
  ) {
    this.#directory = directory;
    this.blobs = new FileBlobs(environment.disk, directory.blobs);
    this.#context = {
      environment,
      metrics: this.metrics,
      pool: new FilePool(environment.disk, options.openFilesMax ?? 1024),
      cache: new TailCache(options.tailCacheBytes ?? 64 * 1024 * 1024),
      rounds: new CommitRounds(environment.timers),
    };
  }

  async open(name: string, options: LogOptions): Promise<Log> {
    let opening = this.#logs.get(name);
    if (opening === undefined) {
      opening = this.#openLog(name, options);
      this.#logs.set(name, opening);
      opening.catch(() => this.#logs.delete(name));
    }
    const log = await opening;
    log.configure(options);
    return log;
  }

  async list(): Promise<string[]> {
    const { disk } = this.#context.environment;
    const names: string[] = [];
    const visit = async (path: string, parts: string[]): Promise<void> => {
      for (const entry of await disk.list(path)) {
        if (!entry.directory) continue;
        if (isContinued(entry.name)) {
          await visit(join(path, entry.name), [...parts, entry.name]);
          continue;
        }
        const name = decodeName([...parts, entry.name]);
        if (name !== undefined) names.push(name);
      }
    };
    await visit(this.#directory.logs, []);
    return names.sort();
  }

  async delete(name: string): Promise<void> {
    const { disk } = this.#context.environment;
    const log = await this.#logs.get(name);
    this.#logs.delete(name);
    if (log !== undefined) {
      log.state.fail(new LogFailedError(name, new Error('the log was deleted')));
      await Promise.all(log.state.segments.map((segment) => segment.file.close()));
    }
    await disk.removeTree(this.#path(name));
    await disk.syncDirectory(this.#directory.logs);
  }

  async close(): Promise<void> {
    for (const opening of this.#logs.values()) {
      const log = await opening;
      await log.writer.finish();
      log.state.fail(new Error('the log engine was closed'));
    }
    await this.#context.pool.closeAll();
    await this.#directory.lock.release();
  }

  async #openLog(name: string, options: LogOptions): Promise<FileLog> {
    const { disk } = this.#context.environment;
    const directory = this.#path(name);
    await disk.makeDirectory(directory);
    await disk.syncDirectory(this.#directory.logs);
    const segments: Segment[] = [];
    for (const entry of await disk.list(directory)) {
      const baseOffset = parseSegmentFileName(entry.name);
      if (baseOffset === undefined) continue;
      const segment = new Segment(baseOffset, this.#context.pool.file(join(directory, entry.name)));
      await this.#recover(segment);
      const last = segments[segments.length - 1];
      if (last !== undefined) last.closed = true;
      segments.push(segment);
    }
    if (segments.length === 0) {
      segments.push(new Segment(0, this.#context.pool.file(join(directory, segmentFileName(0)))));
    }
    const start = segments[0]!.baseOffset;
    const cache = new LogTail(this.#context.cache);
    return new FileLog(
      new LogState({ name, directory, options, segments, start, cache }),
      this.#context,
    );
  }

  async #recover(segment: Segment): Promise<void> {
    await segment.file.use(async (file) => {
      const size = await file.size();
      const from = { position: 0, offset: segment.baseOffset };
      const end = await scanBatches(file, from, size, (buffer, at) => {
        segment.place(buffer.subarray(at, at + batchBytes(buffer, at)));
      });
      segment.bytes = end.position;
      segment.endOffset = end.offset;
      segment.writtenBytes = end.position;
      if (end.position < size) await file.truncate(end.position);
      await file.datasync();
      segment.syncedBytes = end.position;
      segment.named = true;
      segment.verified.add(0, end.position);
    });
  }

  #path(name: string): string {
    return join(this.#directory.logs, ...encodeName(name));
  }
}

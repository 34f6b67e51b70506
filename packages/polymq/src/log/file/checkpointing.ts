/**
 * Taking checkpoints of all logs of an engine. See `checkpoint.ts` for what one is: after it, the frames of the
 * commit log before it are not needed any more, and recovery starts behind it.
 */
import { join } from 'node:path';
import type { Disk } from '../../lib/environment/disk.ts';
import { type Checkpoint, writeCheckpoint } from './checkpoint.ts';
import type { CommitLog } from './commit-log.ts';
import type { FileLog } from './file-log.ts';
import type { IndexStore } from './index-store.ts';

/** Logs that are written and synced at the same time: a little more than the thread pool has threads. */
const CONCURRENCY = 8;

export class Checkpointing {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #commitLog: CommitLog;
  readonly #indexes: IndexStore;
  /** Lines of logs that exist but are not open. */
  readonly #closedLines: Map<string, string>;
  readonly #logs: () => Iterable<FileLog>;
  #lastContent = '';

  constructor(
    parts: { disk: Disk; directory: string; commitLog: CommitLog; indexes: IndexStore },
    closedLines: Map<string, string>,
    logs: () => Iterable<FileLog>,
  ) {
    this.#disk = parts.disk;
    this.#path = join(parts.directory, 'checkpoint');
    this.#commitLog = parts.commitLog;
    this.#indexes = parts.indexes;
    this.#closedLines = closedLines;
    this.#logs = logs;
  }

  /** Puts everything that is safe into synced segments, records it, and frees the commit log. */
  async take(): Promise<void> {
    const commitFrom = this.#commitLog.completeBelow;
    const logs = [...this.#logs()];
    await inParallel(logs, (log) => log.writer.settle());
    // A log that has stopped may have left its batches in the commit log only: keep it all.
    const release = logs.every((log) => log.state.failure === undefined || log.closed);
    await inParallel(logs, (log) => this.#writeIndexes(log, false));
    await this.#write(false, release ? commitFrom : this.#commitLog.releasedBelow);
    if (release) this.#commitLog.release(commitFrom);
  }

  /** The last one of a clean stop. */
  async takeClean(): Promise<void> {
    const logs = [...this.#logs()];
    await inParallel(logs, (log) => this.#writeIndexes(log, true));
    const settled = logs.every((log) => log.state.failure === undefined);
    const commitFrom = settled ? this.#commitLog.completeBelow : this.#commitLog.releasedBelow;
    await this.#write(settled, commitFrom);
  }

  async #writeIndexes(log: FileLog, closing: boolean): Promise<void> {
    if (log.state.failure !== undefined) return;
    for (const segment of log.state.segments) {
      const complete = segment.closed ? !segment.unsynced : closing;
      if (!complete || segment.indexed || segment.bytes === 0) continue;
      // Nobody has needed it and nothing was added: the file from before is as good.
      if (segment.index.from === segment.bytes) continue;
      await this.#indexes.write(segment, log.state.damage);
      segment.indexed = segment.closed;
    }
  }

  async #write(clean: boolean, commitFrom: number): Promise<void> {
    const lines = new Map(this.#closedLines);
    for (const log of this.#logs()) lines.set(log.name, log.state.checkpointLine());
    const { bootId } = this.#disk;
    const checkpoint: Checkpoint = { clean, bootId, commitFrom, lines };
    const content = `${clean} ${commitFrom}\n${[...lines.values()].join('\n')}`;
    if (content === this.#lastContent) return;
    await writeCheckpoint(this.#disk, this.#path, checkpoint);
    this.#lastContent = content;
  }
}

async function inParallel<T>(
  items: readonly T[],
  action: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) await action(items[next++]!);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, lane));
}

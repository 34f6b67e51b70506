import type { ArenaPool } from '../../lib/arena.ts';
import type { Environment } from '../../lib/environment/environment.ts';
import type { LogEngineMetrics } from '../log.ts';
import type { Background } from './background.ts';
import type { CommitLog } from './commit-log.ts';
import type { CommitRounds } from './commit-round.ts';
import type { DiskSpace } from './disk-space.ts';
import type { FilePool } from './file-pool.ts';
import type { FolderSync } from './folder-sync.ts';
import type { IndexStore } from './index-store.ts';
import type { Quarantine } from './quarantine.ts';
import type { TailCache } from './tail-cache.ts';

/** What all logs of one engine share. */
export interface LogContext {
  readonly environment: Pick<Environment, 'clock' | 'timers' | 'disk' | 'random'>;
  readonly metrics: LogEngineMetrics;
  readonly pool: FilePool;
  readonly cache: TailCache;
  readonly rounds: CommitRounds;
  readonly commitLog: CommitLog;
  readonly background: Background;
  readonly space: DiskSpace;
  readonly folders: FolderSync;
  readonly quarantine: Quarantine;
  readonly indexes: IndexStore;
  /** How far ahead of its writes the file of a busy segment is made longer; 0 for not at all. */
  readonly preallocateBytes: number;
  /** What files are read into. */
  readonly arenas: ArenaPool;
}

import type { Environment } from '../../lib/environment/environment.ts';
import type { LogEngineMetrics } from '../log.ts';
import type { CommitRounds } from './commit-round.ts';
import type { FilePool } from './file-pool.ts';
import type { TailCache } from './tail-cache.ts';

/** What all logs of one engine share. */
export interface LogContext {
  readonly environment: Pick<Environment, 'clock' | 'timers' | 'disk' | 'random'>;
  readonly metrics: LogEngineMetrics;
  readonly pool: FilePool;
  readonly cache: TailCache;
  readonly rounds: CommitRounds;
}

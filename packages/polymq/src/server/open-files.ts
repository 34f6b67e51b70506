import type { Disk } from '../lib/environment/disk.ts';
import type { Logger } from '../lib/logger.ts';

/** What connections may have of the process's file descriptors; the rest is for segments and the program. */
const CONNECTION_SHARE = 0.8;

/**
 * The connections that are really possible: as many as are allowed, but no more than the open files that the system
 * grants. An accept that finds no descriptor would fail for everybody, and so would a write to disk.
 */
export async function connectionsPossible(
  allowed: number,
  disk: Pick<Disk, 'readFile'>,
  logger: Logger,
): Promise<number> {
  const limits = await disk.readFile('/proc/self/limits').catch(() => undefined);
  const openFiles = Number(/^Max open files\s+(\d+)/m.exec(limits?.toString() ?? '')?.[1]);
  // Not on Linux, or `unlimited`: nothing is known, so what was asked for holds.
  if (!(openFiles > 0)) return allowed;
  const possible = Math.max(1, Math.floor(openFiles * CONNECTION_SHARE));
  if (possible >= allowed) return allowed;
  const message = 'fewer connections than allowed: the system grants too few open files';
  logger.warn({ openFiles, connectionsMax: possible, allowed }, message);
  return possible;
}

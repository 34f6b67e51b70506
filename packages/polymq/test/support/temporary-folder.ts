import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of its own for one test or run, removed on request or when this process exits. */
export interface TemporaryFolder {
  readonly path: string;
  /** Removes the folder with all it holds. */
  remove(): void;
}

const live = new Set<string>();

process.on('exit', () => {
  for (const path of live) removeQuietly(path);
});

/** Makes an empty folder below the system's temporary folder, or below `parent`. */
export function temporaryFolder(prefix = 'polymq-test-', parent = tmpdir()): TemporaryFolder {
  const path = mkdtempSync(join(parent, prefix));
  live.add(path);
  return {
    path,
    remove: () => {
      live.delete(path);
      removeQuietly(path);
    },
  };
}

/** Leaves the folder on disk, for somebody who wants to look at it after a failure. */
export function keepFolder(folder: TemporaryFolder): void {
  live.delete(folder.path);
}

function removeQuietly(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    // A folder that cannot be removed must not hide the outcome of the run.
  }
}

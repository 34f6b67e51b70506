/**
 * Identity and start of a log, carried by the name of an empty file in its folder:
 *
 *   3f1c9a0b7d2e4f68-00000000000000004711.start
 *   └─ id ─────────┘ └─ start offset ───┘
 *
 * The id is drawn when the log is created: what the commit log holds of a deleted log never gets into a
 * new one of the same name. Raising the start is one rename and one fsync of the folder: atomic, and cheaper than
 * replacing a file's content.
 */
import type { Disk } from '../../lib/environment/disk.ts';
import type { FolderSync } from './folder-sync.ts';

export interface LogMarker {
  /** 16 hexadecimal digits. */
  readonly id: string;
  readonly start: number;
}

export function markerFileName(marker: LogMarker): string {
  return `${marker.id}-${String(marker.start).padStart(20, '0')}.start`;
}

export function parseMarkerFileName(name: string): LogMarker | undefined {
  const match = /^([0-9a-f]{16})-([0-9]{20})\.start$/.exec(name);
  return match === null ? undefined : { id: match[1]!, start: Number(match[2]) };
}

/** Creates the marker. The caller syncs the folder. */
export async function createMarker(
  disk: Disk,
  directory: string,
  marker: LogMarker,
): Promise<void> {
  const file = await disk.open(`${directory}/${markerFileName(marker)}`, { create: true });
  await file.close();
}

/** Raises the start durably. */
export async function raiseMarker(
  disk: Disk,
  folders: FolderSync,
  directory: string,
  change: { from: LogMarker; to: LogMarker },
): Promise<void> {
  const from = `${directory}/${markerFileName(change.from)}`;
  await disk.rename(from, `${directory}/${markerFileName(change.to)}`);
  await folders.sync(directory);
}

import { join } from 'node:path';
import type { Disk } from '../../lib/environment/disk.ts';
import { decodeName, isContinued } from './names.ts';

/** The names of all logs that have a folder, sorted. */
export async function listLogNames(disk: Disk, directory: string): Promise<string[]> {
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
  await visit(directory, []);
  return names.sort();
}

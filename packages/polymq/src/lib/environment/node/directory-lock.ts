/**
 * An exclusive lock on a folder, held by a file that names its owner.
 *
 * Node has no `flock`, so the lock is a file `lock.<n>` with the owner's pid and the start time of that
 * process. It appears by `link(2)` of a finished private file, which is atomic and fails if the name
 * exists. The file with the highest number counts:
 *
 *   lock.6 (dead) ──link lock.7──► lock.6 lock.7 ──highest? yes──► remove lock.6, held
 *
 * An owner is dead if there is no such pid, or the pid belongs to a process that started at another
 * time, or the machine was restarted since. Who finds the owner of n dead links n+1 and then looks again
 * whether his is the highest.
 *
 * Why two contenders never both win: a file is removed only while a higher one exists, and a release
 * keeps the file (marked as free), so the highest number never goes down. A number can be linked a second time
 * only after it was removed, and then its second owner sees the higher one and steps back.
 */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { promises } from 'node:fs';
import { join } from 'node:path';
import { type DirectoryLock, DirectoryLockedError } from '../disk.ts';
import { errorCode } from './node-disk-file.ts';

interface Owner {
  /** 0: released. */
  pid: number;
  /** The kernel's start time of the process in clock ticks since boot; empty if unknown. */
  startTicks: string;
  bootId: string;
}

const ATTEMPTS_MAX = 50;
const PREFIX = 'lock.';

export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const aside = join(directory, `locking.${randomBytes(12).toString('hex')}`);
  await promises.writeFile(aside, JSON.stringify(ownerOf(process.pid)), { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const number = await tryLock(directory, aside);
      if (number !== undefined) return { release: () => release(directory, number) };
    }
  } finally {
    await promises.rm(aside, { force: true });
  }
  throw new DirectoryLockedError(directory, undefined);
}

/** The number of the lock that was taken, or `undefined` if somebody else was faster. */
async function tryLock(directory: string, aside: string): Promise<number | undefined> {
  const highest = Math.max(0, ...(await lockNumbers(directory)));
  if (highest > 0) {
    const content = await readIfThere(join(directory, PREFIX + highest));
    if (content === undefined) return undefined;
    const owner = parseOwner(content);
    if (owner !== undefined && isAlive(owner)) throw new DirectoryLockedError(directory, owner.pid);
  }
  const number = highest + 1;
  if (!(await tryLink(aside, join(directory, PREFIX + number)))) return undefined;
  const numbers = await lockNumbers(directory);
  if (Math.max(...numbers) !== number) {
    await promises.rm(join(directory, PREFIX + number), { force: true });
    return undefined;
  }
  for (const older of numbers) {
    if (older < number) await promises.rm(join(directory, PREFIX + older), { force: true });
  }
  return number;
}

async function release(directory: string, number: number): Promise<void> {
  const aside = join(directory, `locking.${randomBytes(12).toString('hex')}`);
  const free: Owner = { pid: 0, startTicks: '', bootId: '' };
  await promises.writeFile(aside, JSON.stringify(free), { mode: 0o600 });
  await promises.rename(aside, join(directory, PREFIX + number));
}

async function lockNumbers(directory: string): Promise<number[]> {
  const names = await promises.readdir(directory);
  return names
    .filter((name) => /^lock\.[0-9]{1,15}$/.test(name))
    .map((name) => Number(name.slice(PREFIX.length)));
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await promises.link(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await promises.readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function parseOwner(content: string): Owner | undefined {
  try {
    const owner = JSON.parse(content) as Owner;
    return Number.isSafeInteger(owner.pid) && owner.pid > 0 ? owner : undefined;
  } catch {
    // A lock is complete from the moment it has its name, so this is not ours: treat as stale.
    return undefined;
  }
}

function isAlive(owner: Owner): boolean {
  const now = ownerOf(owner.pid);
  if (now.bootId !== '' && owner.bootId !== '' && now.bootId !== owner.bootId) return false;
  if (now.startTicks !== '' && owner.startTicks !== '') return now.startTicks === owner.startTicks;
  if (now.startTicks === '' && owner.startTicks !== '') return false;
  try {
    process.kill(owner.pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

function ownerOf(pid: number): Owner {
  return { pid, startTicks: startTicksOf(pid), bootId: bootId() };
}

/** Field 22 of `/proc/<pid>/stat`; empty where there is none, or the process is dead. */
function startTicksOf(pid: number): string {
  const stat = readProc(`/proc/${pid}/stat`);
  // The second field is the command in parentheses and may itself hold blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A zombie holds nothing any more; it is only waiting for its parent, which in a container may take long.
  const dead = fields[0] === 'Z' || fields[0] === 'X';
  return dead ? '' : (fields[19] ?? '');
}

function bootId(): string {
  return readProc('/proc/sys/kernel/random/boot_id').trim();
}

function readProc(path: string): string {
  try {
    return fs.readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

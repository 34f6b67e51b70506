import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryLockedError } from '../disk.ts';
import { lockDirectory } from './directory-lock.ts';

describe('the lock of a folder', () => {
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'polymq lock-'));
  });

  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  it('is held until it is released', async () => {
    const lock = await lockDirectory(directory);
    await expect(lockDirectory(directory)).rejects.toThrow(DirectoryLockedError);
    await expect(lockDirectory(directory)).rejects.toThrow(`process ${process.pid}`);
    await lock.release();
    await (await lockDirectory(directory)).release();
  });

  it('is taken over from a process that is dead', async () => {
    const pid = await pidOfDeadProcess();
    await writeOwner({ pid, startTicks: '1', bootId: '' });
    await lockDirectory(directory);
    expect(await readdir(directory)).toEqual(['lock.8']);
  });

  it('is taken over if its pid belongs to another process by now', async () => {
    await writeOwner({ pid: process.pid, startTicks: '1', bootId: '' });
    await lockDirectory(directory);
  });

  it('is taken over if the machine was started again since', async () => {
    await writeOwner({ pid: process.pid, startTicks: '', bootId: 'an earlier boot' });
    await lockDirectory(directory);
  });

  it('is respected while another process lives', async () => {
    const child = spawn('sleep', ['60']);
    try {
      await writeOwner({ pid: child.pid!, startTicks: '', bootId: '' });
      await expect(lockDirectory(directory)).rejects.toThrow(`process ${child.pid}`);
    } finally {
      child.kill();
    }
  });

  it('goes to exactly one of many who find it stale at once', async () => {
    for (let round = 0; round < 20; round++) {
      await rm(directory, { recursive: true });
      directory = await mkdtemp(join(tmpdir(), 'polymq lock-'));
      await writeOwner({ pid: 4_000_000 + round, startTicks: '1', bootId: '' });
      const all = await Promise.allSettled(
        Array.from({ length: 8 }, () => lockDirectory(directory)),
      );
      expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    }
  });

  async function writeOwner(owner: object): Promise<void> {
    await writeFile(join(directory, 'lock.7'), JSON.stringify(owner));
  }
});

function pidOfDeadProcess(): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = execFile('true', (error) => (error ? reject(error) : resolve(child.pid!)));
  });
}

/**
 * Recovery of a log whose segment file was damaged in any way.
 *
 * An input is the content of a segment file. Each is put in place of the newest segment of a small log, as a
 * crash or a bad disk would leave it, then the log is opened and read from end to end. Rules: it opens or refuses
 * with a stated error, and what it serves is exactly what was once appended at that offset, or a batch that was forged
 * to look as if it were.
 */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createNodeEnvironment } from '../../../src/lib/environment/node/node-environment.ts';
import { AT, batchBaseOffset, batchBytes, batchNextOffset } from '../../../src/log/batch.ts';
import { openFileEngine } from '../../../src/log/file/file-engine.ts';
import {
  DamagedRangeError,
  type Log,
  LogFailedError,
  OffsetOutOfRangeError,
} from '../../../src/log/log.ts';
import { makeBatch } from '../../../src/log/testing/batches.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { type FuzzTarget, WrongResult } from '../target.ts';

const OPTIONS = { durability: 'os', segmentBytes: 1 << 20 } as const;
const NAME = 'orders';
const BATCHES = 40;

export async function logRecovery(): Promise<FuzzTarget> {
  const environment = createNodeEnvironment();
  const folder = temporaryFolder('polymq-fuzz-log-');
  const clean = join(folder.path, 'clean');
  const dirty = join(folder.path, 'dirty');
  const appended = await fillLog(clean);
  const segment = findSegment(clean).slice(clean.length);
  return {
    name: 'log-recovery',
    seeds: () => {
      const whole = trimZeros(readFileSync(clean + segment));
      return [
        whole,
        whole.subarray(0, whole.length >> 1),
        Buffer.concat([whole, Buffer.alloc(512)]),
      ];
    },
    run: async (input) => {
      rmSync(dirty, { recursive: true, force: true });
      cpSync(clean, dirty, { recursive: true });
      writeFileSync(dirty + segment, input);
      const engine = await openFileEngine(environment, { directory: dirty, tailCacheBytes: 0 });
      try {
        await readAll(await engine.open(NAME, OPTIONS), appended, input);
      } finally {
        await engine.close();
      }
    },
    allows: (error) => error instanceof LogFailedError,
    memoryBytesMax: 16 << 20,
    // Copies files and waits for the disk.
    stallMs: 2000,
    close: () => folder.remove(),
  };

  async function fillLog(directory: string): Promise<Map<number, Buffer>> {
    const engine = await openFileEngine(environment, { directory });
    const log = await engine.open(NAME, OPTIONS);
    for (let i = 0; i < BATCHES; i += 1) {
      log.append(makeBatch({ recordCount: 1 + (i % 3), bodyBytes: 20 + i, fill: i }));
    }
    await log.whenCommitted(log.tail);
    const stored = new Map<number, Buffer>();
    for (const batch of split((await log.read(0, 1 << 20, true)).buffers)) {
      stored.set(batchBaseOffset(batch, 0), Buffer.from(batch));
    }
    // The copy is taken from the running engine's files: an unclean stop, which is what recovery is for.
    cpSync(directory, `${directory}-copy`, { recursive: true });
    await engine.close();
    rmSync(directory, { recursive: true });
    cpSync(`${directory}-copy`, directory, {
      recursive: true,
      filter: (path) => !basename(path).startsWith('lock'),
    });
    return stored;
  }
}

async function readAll(
  log: Log,
  appended: ReadonlyMap<number, Buffer>,
  file: Buffer,
): Promise<void> {
  let offset = log.start;
  while (offset < log.committed) {
    try {
      const { buffers, nextOffset } = await log.read(offset, 4096, true);
      if (nextOffset <= offset) throw new WrongResult(`reading at ${offset} does not get on`);
      for (const batch of split(buffers)) {
        const base = batchBaseOffset(batch, 0);
        if (!appended.get(base)?.equals(batch) && !isForged(batch, appended, file)) {
          throw new WrongResult(`served at ${base} what was not appended there`);
        }
        if (batchNextOffset(batch, 0) > log.committed)
          throw new WrongResult('served beyond the end');
      }
      offset = nextOffset;
    } catch (error) {
      if (error instanceof DamagedRangeError) offset = Math.max(offset + 1, error.nextOffset);
      else if (error instanceof OffsetOutOfRangeError) return;
      else throw error;
    }
  }
}

/**
 * A whole batch from elsewhere in the log whose base offset was changed to the very number that belongs where it now
 * stands. The checksum of Kafka's format leaves that field out, so no reader can tell; no disk makes it by chance.
 */
function isForged(batch: Buffer, appended: ReadonlyMap<number, Buffer>, file: Buffer): boolean {
  if (!file.includes(batch)) return false;
  const rest = batch.subarray(AT.length);
  for (const original of appended.values()) {
    if (original.subarray(AT.length).equals(rest)) return true;
  }
  return false;
}

function split(buffers: readonly Buffer[]): Buffer[] {
  return buffers.flatMap((buffer) => {
    const batches: Buffer[] = [];
    for (let at = 0; at < buffer.length; at += batchBytes(buffer, at)) {
      batches.push(buffer.subarray(at, at + batchBytes(buffer, at)));
    }
    return batches;
  });
}

function findSegment(directory: string): string {
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (entry.name.endsWith('.log') && entry.parentPath.includes(NAME)) {
      return join(entry.parentPath, entry.name);
    }
  }
  throw new Error(`no segment of ${NAME} below ${directory}`);
}

/** A preallocated file ends in zeros, which would only slow the run down. */
function trimZeros(content: Buffer): Buffer {
  let end = content.length;
  while (end > 0 && content[end - 1] === 0) end -= 1;
  return content.subarray(0, end);
}

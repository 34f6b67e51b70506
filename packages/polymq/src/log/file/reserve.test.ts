import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createNodeEnvironment } from '../../lib/environment/node/node-environment.ts';
import { type LogOptions, StorageFullError } from '../log.ts';
import { makeBatch } from '../testing/batches.ts';
import { openFileEngine } from './file-engine.ts';

const OPTIONS: LogOptions = { durability: 'fsync', segmentBytes: 1024 * 1024 };

it('refuses appends below the hard limit, except to logs that help to make room', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'polymq-reserve-'));
  const engine = await openFileEngine(createNodeEnvironment(), {
    directory,
    hardFreeBytes: Number.MAX_SAFE_INTEGER,
  });
  try {
    const records = await engine.open('records', OPTIONS);
    expect(() => records.append(makeBatch({ recordCount: 1 }))).toThrow(StorageFullError);
    const declarations = await engine.open('meta', { ...OPTIONS, mayUseReserve: true });
    declarations.append(makeBatch({ recordCount: 1 }));
    await declarations.whenCommitted(1);
    expect(declarations.committed).toBe(1);
  } finally {
    await engine.close();
    await rm(directory, { recursive: true, force: true });
  }
});

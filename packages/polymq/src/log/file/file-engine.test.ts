import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeEnvironment } from '../../lib/environment/node/node-environment.ts';
import type { LogEngine } from '../log.ts';
import { logEngineContract } from '../testing/contract.ts';
import { type FileEngineOptions, openFileEngine } from './file-engine.ts';

const directories = new WeakMap<LogEngine, string>();

async function open(directory: string, options: Partial<FileEngineOptions>): Promise<LogEngine> {
  const engine = await openFileEngine(createNodeEnvironment(), { directory, ...options });
  directories.set(engine, directory);
  return engine;
}

for (const [name, options] of [
  ['file', {}],
  ['file without a tail cache', { tailCacheBytes: 0 }],
  ['file with two open files', { openFilesMax: 2, tailCacheBytes: 0 }],
] as const) {
  logEngineContract({
    name,
    create: async () => open(await mkdtemp(join(tmpdir(), 'polymq-log-')), options),
    reopen: async (engine) => {
      await engine.close();
      return open(directories.get(engine)!, options);
    },
    destroy: async (engine) => {
      await rm(directories.get(engine)!, { recursive: true, force: true });
    },
    supports: { persistence: true },
  });
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeEnvironment } from '../../lib/environment/node/node-environment.ts';
import type { LogEngine } from '../log.ts';
import { logEngineContract } from '../testing/contract.ts';
import { type FileEngineOptions, openFileEngine } from './file-engine.ts';

type Options = Partial<FileEngineOptions> & { keepsTails?: boolean };

const directories = new WeakMap<LogEngine, string>();

async function open(directory: string, options: Options): Promise<LogEngine> {
  const { keepsTails = true, ...rest } = options;
  const engine = await openFileEngine(createNodeEnvironment(), { directory, ...rest });
  directories.set(engine, directory);
  return keepsTails ? engine : withoutTails(engine);
}

/** The same engine, with logs whose writers have the newest batches in memory themselves. */
function withoutTails(engine: LogEngine): LogEngine {
  const openLog = engine.open.bind(engine);
  engine.open = (name, options) => openLog(name, { ...options, keepsTail: false });
  return engine;
}

for (const [name, options] of [
  ['file', {}],
  ['file without a tail cache', { tailCacheBytes: 0 }],
  ['file with two open files', { openFilesMax: 2, tailCacheBytes: 0 }],
  ['file that keeps no tails', { keepsTails: false }],
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

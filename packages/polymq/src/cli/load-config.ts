import { readFileSync } from 'node:fs';
import { readConfigFile } from '../server/config/config-file.ts';
import { type ResolvedConfig, resolveConfig } from '../server/config/resolve.ts';
import type { Invocation } from './commands.ts';
import { CONFIG_FLAG, UsageError } from './usage.ts';

/** The configuration that flags, environment and file make together. `defaults` are weaker than all. */
export async function loadConfig(invocation: Invocation): Promise<ResolvedConfig> {
  const flags = new Map(invocation.flags);
  const files = flags.get(CONFIG_FLAG) ?? [];
  if (files.length > 1) throw new UsageError(`flag --${CONFIG_FLAG} names one file`);
  flags.delete(CONFIG_FLAG);
  const file = files[0] ?? (process.env['POLYMQ_CONFIG'] || undefined);
  const tree = file === undefined ? undefined : await readConfigFile(file);
  return resolveConfig({
    flags,
    env: process.env,
    tree,
    treeName: `file ${file}`,
    readSecret: (path) => readFileSync(path, 'utf8'),
  });
}

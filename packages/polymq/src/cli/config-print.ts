import { configYaml } from '../server/config/describe.ts';
import { resolveConfig } from '../server/config/resolve.ts';
import type { Invocation } from './commands.ts';
import { loadConfig } from './load-config.ts';

/** `polymq config print [--effective]`: a file that could be given to `--config`. */
export async function configPrint(invocation: Invocation): Promise<number> {
  const effective = invocation.switches.has('effective');
  const resolved = effective ? await loadConfig(invocation) : resolveConfig({});
  process.stdout.write(configYaml(resolved, { origins: effective }));
  return 0;
}

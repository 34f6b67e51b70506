/** From arguments to an exit code: 0 done, 1 failed, 2 asked for something that does not exist. */
import { ConfigError } from '../server/config/resolve.ts';
import { version } from '../server/version.ts';
import { parseArguments } from './arguments.ts';
import { helpText } from './help.ts';
import { UsageError } from './usage.ts';

export async function run(args: readonly string[]): Promise<void> {
  try {
    const parsed = parseArguments(args);
    if (parsed.kind === 'help') process.stdout.write(helpText(parsed.command));
    else if (parsed.kind === 'version') process.stdout.write(`polymq ${version()}\n`);
    else {
      const command = await parsed.command.load();
      process.exitCode = await command(parsed.invocation);
    }
  } catch (error: unknown) {
    process.exitCode = explain(error);
  }
}

/** Says on standard error what is wrong, without a stack when it is not a bug. Returns the exit code. */
function explain(error: unknown): number {
  if (error instanceof UsageError) {
    process.stderr.write(`polymq: ${error.message}\n`);
    return 2;
  }
  if (error instanceof ConfigError) {
    for (const problem of error.problems) process.stderr.write(`polymq: ${problem}\n`);
    return 2;
  }
  const text = error instanceof Error ? error.message : String(error);
  process.stderr.write(`polymq: ${text}\n`);
  if (process.env['POLYMQ_LOG__LEVEL'] === 'debug' && error instanceof Error) {
    process.stderr.write(`${error.stack}\n`);
  }
  return 1;
}

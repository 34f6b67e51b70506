import type { RedisSession } from '../session.ts';

/** As Redis prints the help of a command with subcommands. */
export function sendHelp(session: RedisSession, command: string, lines: readonly string[]): void {
  const { reply } = session;
  const all = [
    `${command} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`,
    ...lines,
    'HELP',
    '    Prints this help.',
  ];
  reply.array(all.length);
  for (const line of all) reply.status(line);
}

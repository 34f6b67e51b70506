/**
 * From arguments to the handler: everything that Redis checks before it calls one, in its order and its words. Does the
 * command exist, has it as many arguments as it should, may a subscriber say it; then it runs, or is queued after MULTI.
 */
import { call, expectedText } from './call.ts';
import type { CommandRow } from './command-row.ts';
import { COMMANDS, SERVED } from './commands.ts';
import type { RedisSession } from './session.ts';
import type { Transaction } from './transaction.ts';

const SHOWN_MAX = 128;
/** What browsers send when a page makes them talk to a Redis server. */
const CROSS_PROTOCOL: ReadonlySet<string> = new Set(['post', 'host:']);

export function execute(session: RedisSession, args: readonly Buffer[]): void {
  const name = args[0]!.toString('latin1').toLowerCase();
  if (CROSS_PROTOCOL.has(name)) {
    refuseBrowser(session);
    return;
  }
  const row = COMMANDS.get(name);
  const chosen = row === undefined ? undefined : subcommand(row, args);
  if (chosen === undefined) {
    const text = row === undefined ? unknownCommand(args[0]!) : unknownSubcommand(name, args[1]!);
    reject(session, text);
    return;
  }
  session.lastCommand = chosen.name;
  const problem = problemOf(session, chosen, args);
  if (problem !== undefined) reject(session, problem);
  else if (session.transaction === undefined || chosen.flags.includes('at-once')) {
    call(session, chosen, args);
  } else queue(session, session.transaction, chosen, args);
}

function queue(
  session: RedisSession,
  transaction: Transaction,
  row: CommandRow,
  args: readonly Buffer[],
): void {
  try {
    transaction.queue(row, args);
    session.reply.status('QUEUED');
  } catch (error: unknown) {
    reject(session, expectedText(error));
  }
}

function problemOf(
  session: RedisSession,
  row: CommandRow,
  args: readonly Buffer[],
): string | undefined {
  const { arity, flags, name } = row;
  if (arity > 0 ? args.length !== arity : args.length < -arity) {
    return `ERR wrong number of arguments for '${name}' command`;
  }
  const restricted = session.reply.version === 2 && session.subscriptionCount > 0;
  if (restricted && !flags.includes('subscribed')) {
    return `ERR Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`;
  }
  return undefined;
}

/** The row itself if it has no subcommands; undefined if it has, and this is none. */
function subcommand(row: CommandRow, args: readonly Buffer[]): CommandRow | undefined {
  const { subcommands } = row;
  if (subcommands === undefined || args.length === 1) return row;
  return subcommands.get(args[1]!.toString('latin1', 0, SHOWN_MAX).toLowerCase());
}

function reject(session: RedisSession, text: string): void {
  if (session.transaction !== undefined) session.transaction.dirty = true;
  session.reply.error(text);
}

/** Clients look for its beginning. */
function unknownCommand(name: Buffer): string {
  return `ERR unknown command '${shown(name)}', PolyMQ serves Redis Pub/Sub: ${SERVED}`;
}

function unknownSubcommand(command: string, name: Buffer): string {
  return `ERR unknown subcommand '${shown(name)}'. Try ${command.toUpperCase()} HELP.`;
}

function shown(name: Buffer): string {
  return name.toString('utf8', 0, Math.min(name.length, SHOWN_MAX));
}

function refuseBrowser(session: RedisSession): void {
  session.connection.noteProtocolError('a browser was made to talk to this port (POST or Host:)');
  session.end();
}

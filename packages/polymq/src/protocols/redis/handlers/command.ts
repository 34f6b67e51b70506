/** COMMAND: the table of commands, for tools that complete and explain them. */
import type { CommandRow, Handler } from '../command-row.ts';
import type { RedisSession } from '../session.ts';

export const command: Handler = (session) => {
  const { commands } = session.server;
  session.reply.array(commands.size);
  for (const row of commands.values()) describe(session, row);
};

export const commandCount: Handler = ({ reply, server }) => {
  reply.integer(server.commands.size);
};

export const commandInfo: Handler = (session, args) => {
  if (args.length === 2) return command(session, args);
  session.reply.array(args.length - 2);
  for (const name of args.slice(2)) {
    const row = rowNamed(session, name);
    if (row === undefined) session.reply.nullArray();
    else describe(session, row);
  }
};

export const commandDocs: Handler = (session, args) => {
  const named = args.slice(2).flatMap((name) => rowNamed(session, name) ?? []);
  sendDocs(session, args.length === 2 ? [...session.server.commands.values()] : named);
};

export const commandList: Handler = ({ reply, server }) => {
  reply.array(server.commands.size);
  for (const name of server.commands.keys()) reply.bulk(name);
};

function rowNamed({ server }: RedisSession, name: Buffer): CommandRow | undefined {
  return server.commands.get(name.toString('latin1', 0, 64).toLowerCase());
}

/** Name, arity, flags, then what concerns keys, categories, tips and subcommands. */
function describe(session: RedisSession, row: CommandRow): void {
  const { reply } = session;
  reply.array(10);
  reply.bulk(row.name);
  reply.integer(row.arity);
  reply.array(2);
  reply.status('loading');
  reply.status('stale');
  for (const keyFact of [0, 0, 0]) reply.integer(keyFact);
  for (const _ of ['categories', 'tips', 'key specifications']) reply.array(0);
  const subcommands = [...(row.subcommands?.values() ?? [])];
  reply.array(subcommands.length);
  for (const subcommand of subcommands) describe(session, subcommand);
}

function sendDocs(session: RedisSession, rows: readonly CommandRow[]): void {
  const { reply } = session;
  reply.map(rows.length);
  for (const row of rows) {
    const subcommands = [...(row.subcommands?.values() ?? [])];
    reply.bulk(row.name);
    reply.map(subcommands.length > 0 ? 2 : 1);
    reply.bulk('summary');
    reply.bulk(row.summary);
    if (subcommands.length === 0) continue;
    reply.bulk('subcommands');
    sendDocs(session, subcommands);
  }
}

/**
 * CLIENT: connections as they see themselves and each other. What is shown is what Redis shows, without the sizes of buffers
 * that there are not here.
 */
import type { Handler } from '../command-row.ts';
import { CommandError, SYNTAX_ERROR } from '../errors.ts';
import type { RedisSession } from '../session.ts';
import { clientName, integerOf } from './connection.ts';
import { sendHelp } from './help.ts';

const HELP = [
  'GETNAME',
  '    Return the name of the current connection.',
  'ID',
  '    Return the ID of the current connection.',
  'INFO',
  '    Return information about the current client connection.',
  'KILL <ip:port>',
  '    Kill connection made from <ip:port>.',
  'KILL <option> <value> [<option> <value> [...]]',
  '    Kill connections. Options are ADDR, LADDR, ID, TYPE, USER and SKIPME.',
  'LIST [options ...]',
  '    Return information about client connections. Options are TYPE and ID.',
  'NO-EVICT (ON|OFF)',
  '    Accepted; there is nothing to be evicted.',
  'NO-TOUCH (ON|OFF)',
  '    Accepted; there are no keys.',
  'REPLY (ON|OFF|SKIP)',
  '    Control the replies sent to the current connection.',
  'SETINFO (LIB-NAME|LIB-VER) <value>',
  '    Set information about the client library.',
  'SETNAME <name>',
  '    Assign the name <name> to the current connection.',
];

const TYPES: ReadonlySet<string> = new Set(['normal', 'master', 'replica', 'slave', 'pubsub']);

export const clientHelp: Handler = (session) => sendHelp(session, 'CLIENT', HELP);
export const clientId: Handler = ({ id, reply }) => reply.integer(id);
export const clientInfo: Handler = (session) => session.reply.verbatim(`${describe(session)}\n`);

export const clientGetname: Handler = ({ name, reply }) => {
  if (name === '') reply.null();
  else reply.bulk(name);
};

export const clientSetname: Handler = (session, args) => {
  session.name = clientName(args[2]!);
  session.reply.ok();
};

export const clientSetinfo: Handler = (session, args) => {
  const option = lower(args[2]!);
  if (option === 'lib-name') session.library.name = infoValue(option, args[3]!);
  else if (option === 'lib-ver') session.library.version = infoValue(option, args[3]!);
  else throw new CommandError(`ERR Unrecognized option '${args[2]!.toString('utf8', 0, 128)}'`);
  session.reply.ok();
};

function infoValue(option: string, value: Buffer): string {
  try {
    return clientName(value);
  } catch {
    throw new CommandError(`ERR ${option} cannot contain spaces, newlines or special characters.`);
  }
}

export const clientReply: Handler = (session, args) => {
  const mode = lower(args[2]!);
  if (mode === 'on') {
    session.replies = 'on';
    session.reply.sink = session.output;
    session.reply.ok();
  } else if (mode === 'off') session.replies = 'off';
  else if (mode === 'skip') {
    if (session.replies !== 'off') session.replies = 'skip-next';
  } else throw new CommandError(SYNTAX_ERROR);
};

export const clientNoEvict: Handler = (session, args) => {
  session.noEvict = onOrOff(args[2]!);
  session.reply.ok();
};

export const clientNoTouch: Handler = (session, args) => {
  session.noTouch = onOrOff(args[2]!);
  session.reply.ok();
};

/** Nobody is ever told to move to another node; clients that ask take the error for a no. */
export const clientMaintNotifications: Handler = ({ reply }) => {
  reply.error('ERR PolyMQ has no maintenance notifications; it is one node');
};

export const clientList: Handler = (session, args) => {
  const { sessions } = session.server;
  let shown = [...sessions.values()];
  const option = args[2] === undefined ? undefined : lower(args[2]);
  if (option === 'type' && args.length === 4) {
    const type = typeOf(args[3]!);
    shown = shown.filter((other) => isOfType(other, type));
  } else if (option === 'id' && args.length > 3) {
    shown = args.slice(3).flatMap((arg) => {
      const id = integerOf(arg);
      if (Number.isNaN(id)) throw new CommandError('ERR Invalid client ID');
      return sessions.get(id) ?? [];
    });
  } else if (option !== undefined) throw new CommandError(SYNTAX_ERROR);
  session.reply.verbatim(shown.map((other) => `${describe(other)}\n`).join(''));
};

interface KillFilter {
  id?: number;
  address?: string;
  localAddress?: string;
  type?: string;
  skipMe: boolean;
}

export const clientKill: Handler = (session, args) => {
  const { reply, server } = session;
  const oldForm = args.length === 3;
  const filter: KillFilter = oldForm
    ? { address: args[2]!.toString('latin1'), skipMe: false }
    : killFilter(args);
  let killed = 0;
  let self = false;
  for (const other of [...server.sessions.values()]) {
    if (!matches(other, filter) || (other === session && filter.skipMe)) continue;
    killed += 1;
    if (other === session) self = true;
    else other.connection.destroy();
  }
  if (!oldForm) reply.integer(killed);
  else if (killed === 0) reply.error('ERR No such client');
  else reply.ok();
  if (self) session.end();
};

function killFilter(args: readonly Buffer[]): KillFilter {
  const filter: KillFilter = { skipMe: true };
  if (args.length % 2 !== 0) throw new CommandError(SYNTAX_ERROR);
  for (let at = 2; at < args.length; at += 2) {
    const option = lower(args[at]!);
    const value = args[at + 1]!;
    if (option === 'id') {
      const id = integerOf(value);
      if (!(id > 0)) throw new CommandError('ERR client-id should be greater than 0');
      filter.id = id;
    } else if (option === 'addr') filter.address = value.toString('latin1');
    else if (option === 'laddr') filter.localAddress = value.toString('latin1');
    else if (option === 'type') filter.type = typeOf(value);
    else if (option === 'user') {
      const user = value.toString('latin1');
      if (user !== 'default') throw new CommandError(`ERR No such user '${user.slice(0, 128)}'`);
    } else if (option === 'skipme') {
      const answer = lower(value);
      if (answer !== 'yes' && answer !== 'no') throw new CommandError(SYNTAX_ERROR);
      filter.skipMe = answer === 'yes';
    } else throw new CommandError(SYNTAX_ERROR);
  }
  return filter;
}

function matches(session: RedisSession, filter: KillFilter): boolean {
  const { id, address, localAddress, type } = filter;
  if (id !== undefined && session.id !== id) return false;
  if (address !== undefined && peerOf(session) !== address) return false;
  if (localAddress !== undefined && localOf(session) !== localAddress) return false;
  return type === undefined || isOfType(session, type);
}

function typeOf(arg: Buffer): string {
  const type = lower(arg);
  if (TYPES.has(type)) return type;
  throw new CommandError(`ERR Unknown client type '${arg.toString('utf8', 0, 128)}'`);
}

function isOfType(session: RedisSession, type: string): boolean {
  return type === (session.subscriptionCount > 0 ? 'pubsub' : 'normal');
}

function onOrOff(arg: Buffer): boolean {
  const value = lower(arg);
  if (value !== 'on' && value !== 'off') throw new CommandError(SYNTAX_ERROR);
  return value === 'on';
}

/** One line of CLIENT LIST, without what only a store of keys has. */
function describe(session: RedisSession): string {
  const { connection, server, transaction, output } = session;
  const ageS = Math.floor((server.nowMs - session.openedMs) / 1000);
  const idleS = Math.floor((server.nowMs - session.lastCommandMs) / 1000);
  const { channel, pattern, shard } = session.subscriptionSizes;
  const subscribed = session.subscriptionCount > 0 ? 'P' : '';
  const flags = `${subscribed}${transaction ? 'x' : ''}${session.noEvict ? 'e' : ''}` || 'N';
  const { library } = session;
  const fields: [string, string | number][] = [
    ['id', session.id],
    ['addr', peerOf(session)],
    ['laddr', localOf(session)],
    ['fd', 0],
    ['name', session.name],
    ['age', ageS],
    ['idle', idleS],
    ['flags', flags],
    ['db', session.database],
    ['sub', channel],
    ['psub', pattern],
    ['ssub', shard],
    ['multi', transaction === undefined ? -1 : transaction.commands.length],
    ['omem', output.bytes],
    ['events', connection.closed ? '' : 'r'],
    ['cmd', session.lastCommand],
    ['user', 'default'],
    ['redir', -1],
    ['resp', session.reply.version],
    ['lib-name', library.name],
    ['lib-ver', library.version],
  ];
  return fields.map(([name, value]) => `${name}=${value}`).join(' ');
}

function peerOf({ connection }: RedisSession): string {
  return addressText(connection.remoteAddress, connection.remotePort);
}

function localOf({ connection }: RedisSession): string {
  return addressText(connection.localAddress, connection.localPort);
}

function addressText(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function lower(arg: Buffer): string {
  return arg.toString('latin1', 0, 64).toLowerCase();
}

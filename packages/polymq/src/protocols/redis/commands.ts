/**
 * Every command there is: name, arity, flags, what it does. Names and arities are those of Redis 7; what is not here is
 * refused with a hint at what is.
 */
import type { CommandFlag, CommandRow, Handler } from './command-row.ts';
import { CommandError } from './errors.ts';
import * as client from './handlers/client.ts';
import * as introspection from './handlers/command.ts';
import * as connection from './handlers/connection.ts';
import { publish, spublish } from './handlers/publish.ts';
import * as pubsub from './handlers/pubsub.ts';
import * as server from './handlers/server.ts';
import * as subscribe from './handlers/subscribe.ts';
import * as transaction from './handlers/transaction.ts';

type Row = readonly [
  name: string,
  arity: number,
  flags: readonly CommandFlag[],
  handler: Handler | readonly Row[],
  summary: string,
];

const needsSubcommand: Handler = (_session, args) => {
  const name = args[0]!.toString('latin1').toLowerCase();
  throw new CommandError(`ERR wrong number of arguments for '${name}' command`);
};

const SUBSCRIBED: readonly CommandFlag[] = ['subscribed'];
const AT_ONCE: readonly CommandFlag[] = ['at-once'];
const ALWAYS: readonly CommandFlag[] = ['subscribed', 'at-once'];

const PUBSUB: readonly Row[] = [
  ['channels', -2, [], pubsub.pubsubChannels, 'Lists the channels that have subscribers.'],
  ['numpat', 2, [], pubsub.pubsubNumpat, 'Counts the different patterns subscribed to.'],
  ['numsub', -2, [], pubsub.pubsubNumsub, 'Counts the subscribers of channels.'],
  ['shardchannels', -2, [], pubsub.pubsubShardChannels, 'Lists shard channels with subscribers.'],
  ['shardnumsub', -2, [], pubsub.pubsubShardNumsub, 'Counts the subscribers of shard channels.'],
  ['help', 2, [], pubsub.pubsubHelp, 'Explains the subcommands.'],
];

const CLIENT: readonly Row[] = [
  ['getname', 2, [], client.clientGetname, 'Returns the name of the connection.'],
  ['id', 2, [], client.clientId, 'Returns the number of the connection.'],
  ['info', 2, [], client.clientInfo, 'Describes the connection.'],
  ['kill', -3, [], client.clientKill, 'Closes connections.'],
  ['list', -2, [], client.clientList, 'Describes all connections.'],
  ['maint_notifications', -3, [], client.clientMaintNotifications, 'Is refused.'],
  ['no-evict', 3, [], client.clientNoEvict, 'Is accepted and does nothing.'],
  ['no-touch', 3, [], client.clientNoTouch, 'Is accepted and does nothing.'],
  ['reply', 3, [], client.clientReply, 'Turns replies on or off.'],
  ['setinfo', 4, [], client.clientSetinfo, 'Notes what the library of the client is.'],
  ['setname', 3, [], client.clientSetname, 'Gives the connection a name.'],
  ['help', 2, [], client.clientHelp, 'Explains the subcommands.'],
];

const CONFIG: readonly Row[] = [
  ['get', -3, [], server.configGet, 'Shows settings under the names of Redis.'],
  ['set', -4, [], server.configSet, 'Accepts what is set already.'],
  ['resetstat', 2, [], connection.ok, 'Is accepted and does nothing.'],
];

const COMMAND: readonly Row[] = [
  ['count', 2, [], introspection.commandCount, 'Counts the commands.'],
  ['docs', -2, [], introspection.commandDocs, 'Explains commands.'],
  ['info', -2, [], introspection.commandInfo, 'Describes commands.'],
  ['list', -2, [], introspection.commandList, 'Lists the commands.'],
];

const FUNCTION: readonly Row[] = [
  ['flush', -2, [], server.functionFlush, 'Is accepted: there are no functions.'],
  ['list', -2, [], server.functionList, 'Lists the functions: there are none.'],
];

const ROWS: readonly Row[] = [
  ['publish', 3, [], publish, 'Sends a message to a channel.'],
  ['subscribe', -2, SUBSCRIBED, subscribe.subscribe, 'Subscribes to channels.'],
  ['unsubscribe', -1, SUBSCRIBED, subscribe.unsubscribe, 'Ends subscriptions to channels.'],
  ['psubscribe', -2, SUBSCRIBED, subscribe.psubscribe, 'Subscribes to patterns of channels.'],
  ['punsubscribe', -1, SUBSCRIBED, subscribe.punsubscribe, 'Ends subscriptions to patterns.'],
  ['spublish', 3, [], spublish, 'Sends a message to a shard channel.'],
  ['ssubscribe', -2, SUBSCRIBED, subscribe.ssubscribe, 'Subscribes to shard channels.'],
  ['sunsubscribe', -1, SUBSCRIBED, subscribe.sunsubscribe, 'Ends subscriptions to shard channels.'],
  ['pubsub', -2, [], PUBSUB, 'Tells who is subscribed to what.'],
  ['ping', -1, SUBSCRIBED, connection.ping, 'Answers PONG, or what it is given.'],
  ['echo', 2, [], connection.echo, 'Answers what it is given.'],
  ['hello', -1, [], connection.hello, 'Chooses the version of RESP.'],
  ['auth', -2, [], connection.auth, 'Logs in.'],
  ['select', 2, [], connection.select, 'Chooses a database; all are the same.'],
  ['quit', -1, ALWAYS, connection.quit, 'Closes the connection.'],
  ['reset', 1, ALWAYS, connection.reset, 'Makes the connection like a new one.'],
  ['readonly', 1, [], connection.ok, 'Is accepted and does nothing.'],
  ['readwrite', 1, [], connection.ok, 'Is accepted and does nothing.'],
  ['client', -2, [], CLIENT, 'Manages connections.'],
  ['multi', 1, AT_ONCE, transaction.multi, 'Begins a transaction.'],
  ['exec', 1, AT_ONCE, transaction.exec, 'Executes a transaction.'],
  ['discard', 1, AT_ONCE, transaction.discard, 'Gives a transaction up.'],
  ['watch', -2, AT_ONCE, transaction.watch, 'Is accepted: there are no keys.'],
  ['unwatch', 1, [], connection.ok, 'Is accepted: there are no keys.'],
  ['info', -1, [], server.info, 'Describes the server.'],
  ['config', -2, [], CONFIG, 'Shows settings.'],
  ['command', -1, [], COMMAND, 'Describes the commands.'],
  ['cluster', -2, [], server.cluster, 'Is refused: this is one node.'],
  ['role', 1, [], server.role, 'Answers that this is a master.'],
  ['time', 1, [], server.time, 'Tells the time.'],
  ['dbsize', 1, [], server.dbsize, 'Answers 0: there are no keys.'],
  ['flushall', -1, [], connection.ok, 'Is accepted: there are no keys.'],
  ['flushdb', -1, [], connection.ok, 'Is accepted: there are no keys.'],
  ['function', -2, [], FUNCTION, 'Answers that there are no functions.'],
];

/** By lower case name. */
export const COMMANDS: ReadonlyMap<string, CommandRow> = rowsOf(ROWS, '');

/** For error messages. */
export const SERVED =
  'PUBLISH, SUBSCRIBE, UNSUBSCRIBE, PSUBSCRIBE, PUNSUBSCRIBE, SPUBLISH, SSUBSCRIBE, SUNSUBSCRIBE, PUBSUB';

const LONGEST = 'sunsubscribe'.length;

/** Whether the command, as it was written, may name thousands of channels. */
export function isSubscribing(name: Buffer): boolean {
  return name.length <= LONGEST && /^[ps]?(un)?subscribe$/i.test(name.toString('latin1'));
}

function rowsOf(rows: readonly Row[], prefix: string): ReadonlyMap<string, CommandRow> {
  return new Map(rows.map((row) => [row[0], rowOf(row, prefix)]));
}

function rowOf([name, arity, flags, handler, summary]: Row, prefix: string): CommandRow {
  const facts = { name: `${prefix}${name}`, arity, flags, summary };
  if (typeof handler === 'function') return { ...facts, handler };
  // COMMAND alone is the only one that means something without a subcommand.
  const alone = name === 'command' ? introspection.command : needsSubcommand;
  return { ...facts, handler: alone, subcommands: rowsOf(handler, `${name}|`) };
}

/** PUBSUB: who is subscribed to what, over all connections of Redis clients. */
import { globMatcher } from '../../../core/exchange/routers/glob-pattern.ts';
import type { Handler } from '../command-row.ts';
import { CommandError } from '../errors.ts';
import type { RedisSession } from '../session.ts';
import { readSubscription } from '../subscriptions.ts';
import { sendHelp } from './help.ts';

const HELP = [
  'CHANNELS [<pattern>]',
  "    Return the currently active channels matching a <pattern> (default: '*').",
  'NUMPAT',
  '    Return number of subscriptions to patterns.',
  'NUMSUB [<channel> ...]',
  '    Return the number of subscribers for the specified channels, excluding',
  '    pattern subscriptions(default: no channels).',
  'SHARDCHANNELS [<pattern>]',
  "    Return the currently active shard level channels matching a <pattern> (default: '*').",
  'SHARDNUMSUB [<shardchannel> ...]',
  '    Return the number of subscribers for the specified shard level channel(s)',
];

function wrongArguments(name: Buffer): string {
  const shown = name.toString('utf8', 0, 128);
  return `ERR unknown subcommand or wrong number of arguments for '${shown}'. Try PUBSUB HELP.`;
}

function channels(session: RedisSession, kind: 'channel' | 'shard', args: readonly Buffer[]): void {
  if (args.length > 3) throw new CommandError(wrongArguments(args[1]!));
  const all = [...session.server.counts[kind].keys()];
  const pattern = args[2];
  // As long as one that may be subscribed to, so that asking costs no more than a subscription.
  const matches =
    pattern === undefined ? undefined : globMatcher(readSubscription('pattern', pattern));
  const shown = matches === undefined ? all : all.filter(matches);
  session.reply.array(shown.length);
  for (const name of shown) session.reply.bulk(name);
}

function counts(session: RedisSession, kind: 'channel' | 'shard', args: readonly Buffer[]): void {
  const { reply, server } = session;
  reply.array((args.length - 2) * 2);
  for (const name of args.slice(2)) {
    reply.bulk(name);
    reply.integer(server.counts[kind].get(name.toString('utf8')) ?? 0);
  }
}

export const pubsubChannels: Handler = (session, args) => channels(session, 'channel', args);
export const pubsubShardChannels: Handler = (session, args) => channels(session, 'shard', args);
export const pubsubNumsub: Handler = (session, args) => counts(session, 'channel', args);
export const pubsubShardNumsub: Handler = (session, args) => counts(session, 'shard', args);

export const pubsubNumpat: Handler = ({ reply, server }) => {
  reply.integer(server.counts.patternCount);
};

export const pubsubHelp: Handler = (session) => sendHelp(session, 'PUBSUB', HELP);

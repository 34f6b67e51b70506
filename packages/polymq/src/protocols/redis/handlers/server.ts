/**
 * What clients and tools ask a Redis server about itself. There are no keys, functions or replicas, so most answers are
 * those of an empty Redis.
 */
import { matchesGlob } from '../../../core/exchange/routers/glob-pattern.ts';
import type { Handler } from '../command-row.ts';
import { CommandError, SYNTAX_ERROR } from '../errors.ts';
import { infoText } from '../info.ts';
import type { RedisServer } from '../server.ts';

export const info: Handler = ({ reply, server }, args) => {
  const names = args.slice(1).map((arg) => arg.toString('latin1', 0, 64).toLowerCase());
  reply.verbatim(infoText(server, names));
};

export const time: Handler = ({ reply, server }) => {
  const { nowMs } = server;
  reply.array(2);
  reply.bulk(String(Math.floor(nowMs / 1000)));
  reply.bulk(String((nowMs % 1000) * 1000));
};

export const dbsize: Handler = ({ reply }) => reply.integer(0);

export const cluster: Handler = () => {
  throw new CommandError('ERR This instance has cluster support disabled');
};

export const role: Handler = ({ reply }) => {
  reply.array(3);
  reply.bulk('master');
  reply.integer(0);
  reply.array(0);
};

export const functionFlush: Handler = ({ reply }, args) => {
  if (args.length > 3) throw new CommandError(SYNTAX_ERROR);
  reply.ok();
};

export const functionList: Handler = ({ reply }) => reply.array(0);

/** What there is of Redis's configuration: how the broker behaves, under Redis's names. */
function configValues({ options, settings }: RedisServer): [string, string][] {
  const { outputBytesMax, outputSoftBytesMax, outputSoftMs } = options;
  const pubsub = `pubsub ${outputBytesMax} ${outputSoftBytesMax} ${Math.ceil(outputSoftMs / 1000)}`;
  return [
    ['appendonly', 'no'],
    ['client-output-buffer-limit', `normal 0 0 0 slave 0 0 0 ${pubsub}`],
    ['cluster-enabled', 'no'],
    ['databases', '16'],
    ['maxclients', settings.get('limits.connectionsMax') ?? '10000'],
    ['maxmemory', '0'],
    ['maxmemory-policy', 'noeviction'],
    ['notify-keyspace-events', ''],
    ['proto-max-bulk-len', String(options.messageBytesMax)],
    ['protected-mode', 'yes'],
    ['save', ''],
    ['timeout', '0'],
  ];
}

export const configGet: Handler = ({ reply, server }, args) => {
  const patterns = args.slice(2).map((arg) => arg.toString('utf8').toLowerCase());
  const shown = configValues(server).filter(([name]) =>
    patterns.some((pattern) => matchesGlob(pattern, name)),
  );
  reply.map(shown.length);
  for (const [name, value] of shown) {
    reply.bulk(name);
    reply.bulk(value);
  }
};

/** Settings are PolyMQ's and change there; what a client sets to what it is already is fine. */
export const configSet: Handler = ({ reply, server }, args) => {
  const values = new Map(configValues(server));
  if (args.length % 2 !== 0) throw new CommandError(SYNTAX_ERROR);
  for (let at = 2; at < args.length; at += 2) {
    const name = args[at]!.toString('utf8', 0, 128).toLowerCase();
    const known = values.get(name);
    if (known === undefined) {
      throw new CommandError(
        `ERR Unknown option or number of arguments for CONFIG SET - '${name}'`,
      );
    }
    if (known === args[at + 1]!.toString('utf8')) continue;
    throw new CommandError(
      `ERR CONFIG SET failed (possibly related to argument '${name}') - can't set immutable config: settings of PolyMQ are in its configuration file`,
    );
  }
  reply.ok();
};

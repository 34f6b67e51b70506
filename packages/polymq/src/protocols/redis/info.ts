/** INFO: sections of `name:value` lines, those that mean something here under the names that Redis gives them. */
import type { RedisServer } from './server.ts';

/** The version of Redis whose Pub/Sub this is: what clients choose their commands by. */
export const EMULATED_VERSION = '7.0.15';

type Section = (server: RedisServer) => readonly (readonly [string, string | number])[];

const SECTIONS: ReadonlyMap<string, Section> = new Map<string, Section>([
  [
    'server',
    (server) => [
      ['redis_version', EMULATED_VERSION],
      ['redis_mode', 'standalone'],
      ['server_name', 'polymq'],
      ['server_version', server.version],
      ['run_id', server.broker.clusterId],
      ['uptime_in_seconds', Math.floor((server.nowMs - server.startedMs) / 1000)],
      ['server_time_usec', server.nowMs * 1000],
    ],
  ],
  [
    'clients',
    (server) => [
      ['connected_clients', server.sessions.size],
      ['blocked_clients', 0],
      ['pubsub_clients', subscriberCount(server)],
    ],
  ],
  [
    'persistence',
    () => [
      ['loading', 0],
      ['async_loading', 0],
    ],
  ],
  [
    'stats',
    (server) => [
      ['total_commands_processed', server.commandCount.value],
      ['pubsub_channels', server.counts.channel.size],
      ['pubsub_patterns', server.counts.patternCount],
      ['pubsubshard_channels', server.counts.shard.size],
      ['client_output_buffer_limit_disconnections', server.slowClients.value],
    ],
  ],
  [
    'replication',
    () => [
      ['role', 'master'],
      ['connected_slaves', 0],
    ],
  ],
  ['cluster', () => [['cluster_enabled', 0]]],
  ['keyspace', () => []],
]);

const EVERYTHING: ReadonlySet<string> = new Set(['all', 'default', 'everything']);

/** `names`: the sections asked for, in lower case; none stands for all. */
export function infoText(server: RedisServer, names: readonly string[]): string {
  const all = names.length === 0 || names.some((name) => EVERYTHING.has(name));
  const parts: string[] = [];
  for (const [name, section] of SECTIONS) {
    if (!all && !names.includes(name)) continue;
    const title = `# ${name[0]!.toUpperCase()}${name.slice(1)}`;
    const lines = section(server).map(([key, value]) => `${key}:${value}`);
    parts.push(`${[title, ...lines].join('\r\n')}\r\n`);
  }
  return parts.join('\r\n');
}

function subscriberCount(server: RedisServer): number {
  let count = 0;
  for (const session of server.sessions.values()) if (session.subscriptionCount > 0) count += 1;
  return count;
}

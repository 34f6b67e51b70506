/**
 * The broker's settings by Kafka's names, as DescribeConfigs shows them. Those that topics inherit can be changed over
 * Kafka and are remembered; the others come from flags, environment and file, and are read-only.
 */
import type { Streams } from '../../core/stream/streams.ts';
import { CONFIG_SOURCE, CONFIG_TYPE, type DescribedConfig } from './describe-topic-configs.ts';
import { type ConfigType, effectiveValue, TOPIC_DEFAULTS } from './topic-configs.ts';

interface Row {
  name: string;
  type: ConfigType;
  /** The broker's own setting, or the one value that describes what it does. */
  from: { setting: string; translate?: (value: string) => string } | { value: string };
}

const MINUTE_MS = 60_000;

const shown = (
  name: string,
  type: ConfigType,
  setting: string,
  translate?: (value: string) => string,
): Row => ({ name, type, from: { setting, ...(translate && { translate }) } });

const constant = (name: string, type: ConfigType, value: string): Row => ({
  name,
  type,
  from: { value },
});

const BROKER_CONFIGS: readonly Row[] = [
  shown('auto.create.topics.enable', 'boolean', 'streams.autoCreate'),
  shown('broker.id', 'int', 'nodeId'),
  constant('compression.type', 'string', 'producer'),
  shown('connections.max.idle.ms', 'long', 'limits.idleMs'),
  constant('default.replication.factor', 'int', '1'),
  constant('delete.topic.enable', 'boolean', 'true'),
  shown('group.initial.rebalance.delay.ms', 'int', 'groups.initialRebalanceDelayMs'),
  shown('group.max.session.timeout.ms', 'int', 'groups.sessionTimeoutMsMax'),
  shown('group.max.size', 'int', 'groups.membersMax'),
  shown('group.min.session.timeout.ms', 'int', 'groups.sessionTimeoutMsMin'),
  constant('log.cleanup.policy', 'list', 'delete'),
  shown('log.dirs', 'string', 'data'),
  shown('max.connections', 'int', 'limits.connectionsMax'),
  shown('max.connections.per.ip', 'int', 'limits.connectionsPerAddressMax'),
  constant('min.insync.replicas', 'int', '1'),
  shown('node.id', 'int', 'nodeId'),
  shown('num.partitions', 'int', 'streams.partitions'),
  shown('offset.metadata.max.bytes', 'int', 'groups.offsetMetadataBytesMax'),
  shown('offsets.retention.minutes', 'int', 'groups.offsetsRetentionMs', (value) =>
    String(Math.floor(Number(value) / MINUTE_MS)),
  ),
  constant('offsets.topic.replication.factor', 'short', '1'),
  shown('producer.id.expiration.ms', 'int', 'streams.producerIdleMs'),
  shown('socket.request.max.bytes', 'int', 'limits.frameBytesMax'),
  constant('unclean.leader.election.enable', 'boolean', 'false'),
];

/** All of them, or those named. `settings` holds the broker's settings as text by its own names. */
export function describeBrokerConfigs(
  settings: ReadonlyMap<string, string>,
  streams: Streams,
  names: readonly string[] | null,
): DescribedConfig[] {
  return [...describeFixed(settings, names), ...describeTopicDefaults(streams, names)];
}

function describeTopicDefaults(
  streams: Streams,
  names: readonly string[] | null,
): DescribedConfig[] {
  const { defaults, defaultOverrides } = streams;
  return [...TOPIC_DEFAULTS]
    .filter(([name]) => names === null || names.includes(name))
    .map(([name, row]) => {
      const value = effectiveValue(row, defaults);
      const changed = row.kind === 'mapped' && defaultOverrides.has(row.core);
      const source = changed ? CONFIG_SOURCE.dynamicBroker : CONFIG_SOURCE.staticBroker;
      return {
        name,
        value,
        readOnly: false,
        configSource: source,
        isSensitive: false,
        synonyms: [{ name, value, source }],
        configType: CONFIG_TYPE[row.type],
        documentation: row.doc,
      };
    });
}

function describeFixed(
  settings: ReadonlyMap<string, string>,
  names: readonly string[] | null,
): DescribedConfig[] {
  return BROKER_CONFIGS.filter(({ name }) => names === null || names.includes(name)).map((row) => {
    const value = valueFor(row, settings);
    const source = 'value' in row.from ? CONFIG_SOURCE.default : CONFIG_SOURCE.staticBroker;
    return {
      name: row.name,
      value,
      readOnly: true,
      configSource: source,
      isSensitive: false,
      synonyms: [{ name: row.name, value, source }],
      configType: CONFIG_TYPE[row.type],
      documentation: '',
    };
  });
}

function valueFor({ from }: Row, settings: ReadonlyMap<string, string>): string {
  if ('value' in from) return from.value;
  const value = settings.get(from.setting) ?? '';
  return from.translate ? from.translate(value) : value;
}

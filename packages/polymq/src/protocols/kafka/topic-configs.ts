/**
 * Topic settings by Kafka's names, over the core's. Three kinds of rows:
 *
 *   mapped    the core has the setting; values are translated where the words differ
 *   fixed     the broker has one behaviour; only the value that names it is accepted
 *   idle      a tuning knob for machinery this broker does not have; accepted, without effect
 */
import { BrokerError } from '../../core/errors.ts';
import type { StreamConfig, StreamConfigName } from '../../core/stream/stream-config.ts';

export type ConfigType = 'boolean' | 'string' | 'int' | 'short' | 'long' | 'double' | 'list';

interface Mapped {
  kind: 'mapped';
  name: string;
  type: ConfigType;
  core: StreamConfigName;
  /** The broker setting that is the default of this one. */
  broker: string;
  /** Kafka's word to the core's, where they differ. */
  words?: Readonly<Record<string, string>>;
  doc: string;
}

interface Constant<Kind extends 'fixed' | 'idle'> {
  kind: Kind;
  name: string;
  type: ConfigType;
  value: string;
  doc: string;
}

export type TopicConfigRow = Mapped | Constant<'fixed'> | Constant<'idle'>;

const mapped = (
  name: string,
  type: ConfigType,
  names: { core: StreamConfigName; broker: string },
  doc: string,
  words?: Mapped['words'],
): Mapped => ({ kind: 'mapped', name, type, ...names, doc, ...(words && { words }) });

const fixed = (name: string, type: ConfigType, value: string, doc: string): Constant<'fixed'> => ({
  kind: 'fixed',
  name,
  type,
  value,
  doc,
});

const idle = (name: string, type: ConfigType, value: string): Constant<'idle'> => ({
  kind: 'idle',
  name,
  type,
  value,
  doc: 'Accepted for compatibility; has no effect here.',
});

export const TOPIC_CONFIGS: readonly TopicConfigRow[] = [
  fixed(
    'cleanup.policy',
    'list',
    'delete',
    'Old segments are deleted. Compaction is not supported yet.',
  ),
  fixed('compression.type', 'string', 'producer', 'Batches are stored as the producer sent them.'),
  idle('delete.retention.ms', 'long', '86400000'),
  idle('file.delete.delay.ms', 'long', '60000'),
  idle('flush.messages', 'long', '9223372036854775807'),
  idle('flush.ms', 'long', '9223372036854775807'),
  idle('follower.replication.throttled.replicas', 'list', ''),
  idle('index.interval.bytes', 'int', '4096'),
  idle('leader.replication.throttled.replicas', 'list', ''),
  idle('max.compaction.lag.ms', 'long', '9223372036854775807'),
  mapped(
    'max.message.bytes',
    'int',
    { core: 'batchBytesMax', broker: 'message.max.bytes' },
    'The largest record batch accepted.',
  ),
  idle('message.downconversion.enable', 'boolean', 'false'),
  mapped(
    'message.timestamp.after.max.ms',
    'long',
    { core: 'timestampAheadMsMax', broker: 'log.message.timestamp.after.max.ms' },
    'How far ahead of the broker a record may be dated.',
  ),
  mapped(
    'message.timestamp.before.max.ms',
    'long',
    { core: 'timestampBehindMsMax', broker: 'log.message.timestamp.before.max.ms' },
    'How far behind the broker a record may be dated.',
  ),
  mapped(
    'message.timestamp.type',
    'string',
    { core: 'timestampType', broker: 'log.message.timestamp.type' },
    "CreateTime keeps the producer's time, LogAppendTime stamps the broker's.",
    { CreateTime: 'create', LogAppendTime: 'append' },
  ),
  idle('min.cleanable.dirty.ratio', 'double', '0.5'),
  idle('min.compaction.lag.ms', 'long', '0'),
  idle('min.insync.replicas', 'int', '1'),
  mapped(
    'polymq.durability',
    'string',
    { core: 'durability', broker: 'polymq.durability' },
    'What acks=all waits for: fsync, os or memory.',
  ),
  idle('preallocate', 'boolean', 'true'),
  mapped(
    'retention.bytes',
    'long',
    { core: 'retentionBytes', broker: 'log.retention.bytes' },
    'Size at which old segments are deleted.',
  ),
  mapped(
    'retention.ms',
    'long',
    { core: 'retentionMs', broker: 'log.retention.ms' },
    'Age at which old segments are deleted.',
  ),
  mapped(
    'segment.bytes',
    'int',
    { core: 'segmentBytes', broker: 'log.segment.bytes' },
    'Size at which a segment file is closed.',
  ),
  idle('segment.index.bytes', 'int', '10485760'),
  idle('segment.jitter.ms', 'long', '0'),
  mapped(
    'segment.ms',
    'long',
    { core: 'segmentMs', broker: 'log.roll.ms' },
    'Age at which a segment file is closed.',
  ),
  idle('unclean.leader.election.enable', 'boolean', 'false'),
];

const BY_NAME = new Map(TOPIC_CONFIGS.map((row) => [row.name, row]));

/** The rows that have a default in the broker's settings, by the name of that. */
export const TOPIC_DEFAULTS: ReadonlyMap<string, TopicConfigRow> = new Map(
  TOPIC_CONFIGS.flatMap((row) => (row.kind === 'mapped' ? [[row.broker, row] as const] : [])),
);

/** A core setting and its new value; undefined goes back to the default. */
export interface CoreSetting {
  name: StreamConfigName;
  value: string | undefined;
}

/**
 * The core setting behind Kafka's name and value, or undefined for one without effect. A null value
 * resets to the default. Throws `invalid-config` for an unknown name or a value this broker cannot honour;
 * the core checks ranges.
 */
export function toCoreConfig(name: string, value: string | null): CoreSetting | undefined {
  const row = BY_NAME.get(name);
  if (!row) throw new BrokerError('invalid-config', `unknown topic config name: ${name}`);
  return translate(row, name, value);
}

/** The same for a setting of the broker. Those that no topic inherits cannot be changed over Kafka. */
export function toCoreDefault(name: string, value: string | null): CoreSetting | undefined {
  const row = TOPIC_DEFAULTS.get(name);
  if (row) return translate(row, name, value);
  throw new BrokerError(
    'invalid-config',
    `${name} cannot be changed over Kafka; set it by flag, environment or file and start again`,
  );
}

function translate(
  row: TopicConfigRow,
  name: string,
  value: string | null,
): CoreSetting | undefined {
  if (row.kind === 'idle') return undefined;
  if (row.kind === 'fixed') {
    if (value === null || value === row.value) return undefined;
    throw new BrokerError(
      'invalid-config',
      `${name}=${value} is not supported, only ${row.value}. ${row.doc}`,
    );
  }
  if (value === null) return { name: row.core, value: undefined };
  const word = row.words ? row.words[value] : value;
  if (word === undefined) {
    const known = Object.keys(row.words ?? {}).join(', ');
    throw new BrokerError('invalid-config', `${name}=${value} is not one of ${known}`);
  }
  return { name: row.core, value: word };
}

/** The effective value in Kafka's words. */
export function effectiveValue(row: TopicConfigRow, config: StreamConfig): string {
  if (row.kind !== 'mapped') return row.value;
  const text = String(config[row.core]);
  for (const [kafka, core] of Object.entries(row.words ?? {})) if (core === text) return kafka;
  // The core counts in doubles; Kafka's "no limit" is the largest 64-bit integer.
  return text === String(Number.MAX_SAFE_INTEGER) ? '9223372036854775807' : text;
}

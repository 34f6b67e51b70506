/**
 * Every setting of the broker, one row each. The row feeds the flag, the environment variable, the
 * configuration file, `startBroker`, validation, the help text, `polymq config print` and
 * `docs/reference/config.md`.
 *
 * Names follow from the path: `groups.membersMax` is `--groups-members-max`, `POLYMQ_GROUPS__MEMBERS_MAX`
 * and, in a file, `membersMax` in the section `groups`. Numbers carry their unit in the name.
 */
import { STREAM_CONFIG, type StreamConfig } from '../../core/stream/stream-config.ts';
import type { Durability } from '../../log/log.ts';
import { parseAdvertisedAddress, parseListenAddress } from '../address.ts';
import { type AwsConfig, aws, type SnsConfig, sns } from './aws-settings.ts';
import {
  type MqttConfig,
  mqtt,
  type RedisConfig,
  redis,
  type StompConfig,
  stomp,
} from './live-settings.ts';
import type { Setting, SettingsOf } from './setting.ts';
import { type WebSocketConfig, websocket } from './websocket-settings.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;
const INT32_MAX = 2_147_483_647;

export interface Config {
  data: string;
  listen: readonly string[];
  durability: Durability;
  advertise: readonly string[];
  clusterId: string;
  nodeId: number;
  stopMs: number;
  log: LogConfig;
  limits: LimitsConfig;
  streams: StreamsConfig;
  groups: GroupsConfig;
  eventLog: EventLogConfig;
  queues: QueuesConfig;
  amqp: AmqpConfig;
  aws: AwsConfig;
  sns: SnsConfig;
  redis: RedisConfig;
  mqtt: MqttConfig;
  stomp: StompConfig;
  websocket: WebSocketConfig;
  storage: StorageConfig;
  admin: AdminConfig;
}

export interface LogConfig {
  level: 'debug' | 'info' | 'warn' | 'error';
  format: 'auto' | 'json' | 'text';
}

export interface LimitsConfig {
  frameBytesMax: number;
  firstFrameMs: number;
  connectionsMax: number;
  connectionsPerAddressMax: number;
  connectionsPerSecondMax: number;
  responseBytesMax: number;
  requestsBytesMax: number;
  responsesBytesMax: number;
  decompressedBytesMax: number;
  idleMs: number;
  memoryPercentMax: number;
}

export interface StreamsConfig extends Omit<StreamConfig, 'durability'> {
  partitions: number;
  partitionsMax: number;
  countMax: number;
  autoCreate: boolean;
  producerIdleMs: number;
  retentionCheckMs: number;
}

export interface GroupsConfig {
  sessionTimeoutMsMin: number;
  sessionTimeoutMsMax: number;
  initialRebalanceDelayMs: number;
  membersMax: number;
  countMax: number;
  offsetsRetentionMs: number;
  offsetMetadataBytesMax: number;
}

export interface EventLogConfig {
  indexBytesMax: number;
}

export interface QueuesConfig {
  countMax: number;
  deduplicationIdsMax: number;
  memoryBytesMax: number;
}

export interface AmqpConfig {
  frameBytesMax: number;
  channelsMax: number;
  heartbeatS: number;
  messageBytesMax: number;
  consumerTimeoutMs: number;
  sendTimeoutMs: number;
  vhosts: readonly string[];
}

export interface StorageConfig {
  freeBytesMin: number;
  freePercentMin: number;
  tailCacheBytes: number;
}

export interface AdminConfig {
  hosts: readonly string[];
  seriesMax: number;
}

const log: SettingsOf<Config>['log'] = {
  level: {
    kind: 'choice',
    default: 'info',
    values: ['debug', 'info', 'warn', 'error'],
    doc: 'The least important log line that is written.',
  },
  format: {
    kind: 'choice',
    default: 'auto',
    values: ['auto', 'json', 'text'],
    doc: 'One JSON object per line, or text for people. `auto`: text on a terminal, else JSON.',
  },
};

const limits: SettingsOf<Config>['limits'] = {
  frameBytesMax: {
    kind: 'bytes',
    default: 32 * MIB,
    min: KIB,
    max: INT32_MAX,
    doc: 'The largest request that is read. A larger one closes the connection.',
  },
  firstFrameMs: {
    kind: 'milliseconds',
    default: 10 * SECOND_MS,
    min: 100,
    doc: 'How long a new connection may take to send its first whole request.',
  },
  connectionsMax: {
    kind: 'integer',
    default: 10_000,
    min: 1,
    doc: 'Connections over all protocols, but at most 80 % of the open files that the system grants. Further ones are closed at once.',
  },
  connectionsPerAddressMax: {
    kind: 'integer',
    default: 500,
    min: 1,
    doc: 'Connections from one IP address. Loopback addresses are exempt.',
  },
  connectionsPerSecondMax: {
    kind: 'integer',
    default: 200,
    min: 1,
    doc: 'New connections a second from one IP address. Loopback addresses are exempt.',
  },
  responseBytesMax: {
    kind: 'bytes',
    default: 50 * MIB,
    min: MIB,
    max: INT32_MAX,
    doc: 'The largest response to one fetch, whatever the client asks for.',
  },
  requestsBytesMax: {
    kind: 'bytes',
    default: 512 * MIB,
    min: MIB,
    doc: 'Requests that wait or run at the same time, over all connections. Beyond it the broker stops reading.',
  },
  responsesBytesMax: {
    kind: 'bytes',
    default: 512 * MIB,
    min: MIB,
    doc: 'Responses that wait for slow clients, over all connections. Beyond it answers carry one batch at a time.',
  },
  decompressedBytesMax: {
    kind: 'bytes',
    default: 64 * MIB,
    min: MIB,
    max: INT32_MAX,
    doc: 'What one batch may decompress to when the broker has to look inside it.',
  },
  idleMs: {
    kind: 'milliseconds',
    default: 600 * SECOND_MS,
    min: SECOND_MS,
    doc: 'A connection without a request for this long is closed. AMQP, MQTT, STOMP and Redis Pub/Sub have rules of their own instead.',
  },
  memoryPercentMax: {
    kind: 'integer',
    default: 60,
    min: 1,
    max: 100,
    doc: 'The share of the memory of this machine or container beyond which publishers to queues wait; consumers go on.',
  },
};

/** The defaults of a new stream: the rows of the stream settings, except durability, which stands above. */
function streamDefaults(): SettingsOf<Omit<StreamConfig, 'durability'>> {
  const rows = Object.entries(STREAM_CONFIG)
    .filter(([name]) => name !== 'durability')
    .map(([name, row]) => [name, { ...row, kind: streamKind(name, row.type) }]);
  return Object.fromEntries(rows) as SettingsOf<Omit<StreamConfig, 'durability'>>;
}

function streamKind(name: string, type: 'integer' | 'text'): Setting<unknown>['kind'] {
  if (type === 'text') return 'choice';
  if (/Bytes(Max)?$/.test(name)) return 'bytes';
  return /Ms(Max)?$/.test(name) ? 'milliseconds' : 'integer';
}

const streams: SettingsOf<Config>['streams'] = {
  partitions: {
    kind: 'integer',
    default: 1,
    min: 1,
    max: 10_000,
    doc: 'Partitions of a stream that is created without saying how many.',
  },
  partitionsMax: {
    kind: 'integer',
    default: 10_000,
    min: 1,
    doc: 'Partitions over all streams.',
  },
  countMax: { kind: 'integer', default: 10_000, min: 1, doc: 'How many streams there may be.' },
  autoCreate: {
    kind: 'boolean',
    default: true,
    doc: 'Whether a stream is created when a client first asks for it and wants that.',
  },
  producerIdleMs: {
    kind: 'milliseconds',
    default: DAY_MS,
    min: 1,
    doc: 'An idempotent producer that is silent for this long is forgotten.',
  },
  retentionCheckMs: {
    kind: 'milliseconds',
    default: 60 * SECOND_MS,
    min: 10,
    doc: 'How often the broker looks for records that retention removes.',
  },
  ...streamDefaults(),
};

const groups: SettingsOf<Config>['groups'] = {
  sessionTimeoutMsMin: {
    kind: 'milliseconds',
    default: 6 * SECOND_MS,
    min: 1,
    doc: 'The shortest session timeout that a member may ask for.',
  },
  sessionTimeoutMsMax: {
    kind: 'milliseconds',
    default: 1_800 * SECOND_MS,
    min: 1,
    doc: 'The longest session timeout that a member may ask for.',
  },
  initialRebalanceDelayMs: {
    kind: 'milliseconds',
    default: 0,
    min: 0,
    doc: 'How long an empty group waits for more members before its first rebalance.',
  },
  membersMax: { kind: 'integer', default: 1_000, min: 1, doc: 'Members of one group.' },
  countMax: { kind: 'integer', default: 10_000, min: 1, doc: 'How many groups there may be.' },
  offsetsRetentionMs: {
    kind: 'milliseconds',
    default: 7 * DAY_MS,
    min: 1,
    doc: 'Committed offsets of a group without members are removed after this time.',
  },
  offsetMetadataBytesMax: {
    kind: 'bytes',
    default: 4 * KIB,
    min: 0,
    max: MIB,
    doc: 'The text that may be stored beside a committed offset.',
  },
};

const eventLog: SettingsOf<Config>['eventLog'] = {
  indexBytesMax: {
    kind: 'bytes',
    default: 512 * MIB,
    min: MIB,
    doc: 'Memory for the indexes of event stores: 8 bytes per event, some 200 per stream of events. Appends beyond it are refused.',
  },
};

const queues: SettingsOf<Config>['queues'] = {
  countMax: { kind: 'integer', default: 100_000, min: 1, doc: 'How many queues there may be.' },
  deduplicationIdsMax: {
    kind: 'integer',
    default: 2_000_000,
    min: 1_000,
    max: 16_000_000,
    doc: 'Deduplication ids of the last five minutes, over all FIFO queues and topics: 2,000,000 are 6,600 messages a second, and take 300 MB.',
  },
  memoryBytesMax: {
    kind: 'bytes',
    default: 256 * MIB,
    min: 16 * MIB,
    doc: 'Memory for the messages of all queues. What does not fit is read from disk when it is its turn.',
  },
};

const amqp: SettingsOf<Config>['amqp'] = {
  frameBytesMax: {
    kind: 'bytes',
    default: 128 * KIB,
    min: 4 * KIB,
    max: MIB,
    doc: 'The largest AMQP frame that is offered to clients (`frame_max`). Larger bodies come in several frames.',
  },
  channelsMax: {
    kind: 'integer',
    default: 2_047,
    min: 1,
    max: 65_535,
    doc: 'Channels that one AMQP connection may open (`channel_max`).',
  },
  heartbeatS: {
    kind: 'integer',
    default: 60,
    min: 0,
    max: 65_535,
    doc: 'The AMQP heartbeat interval that is offered to clients, in seconds. 0: none.',
  },
  messageBytesMax: {
    kind: 'bytes',
    default: 16 * MIB,
    min: KIB,
    max: 512 * MIB,
    doc: 'The largest body of a message that AMQP clients may publish.',
  },
  consumerTimeoutMs: {
    kind: 'milliseconds',
    default: 1_800 * SECOND_MS,
    min: 0,
    doc: 'A delivery that is not acknowledged for this long closes its channel. 0: never. Queues may say otherwise (`x-consumer-timeout`).',
  },
  sendTimeoutMs: {
    kind: 'milliseconds',
    default: 60 * SECOND_MS,
    min: SECOND_MS,
    doc: 'An AMQP client that has not read for this long what was sent to it is cut off.',
  },
  vhosts: {
    kind: 'list',
    default: ['/'],
    placeholder: 'NAME',
    check: (text) =>
      text === '' || text.includes(',') ? 'must be a name without commas' : undefined,
    doc: 'The virtual hosts that AMQP clients may open. Each has its own queues and exchanges; streams belong to `/`.',
  },
};

const storage: SettingsOf<Config>['storage'] = {
  freeBytesMin: {
    kind: 'bytes',
    default: GIB,
    min: 0,
    doc: 'With less free disk than this, producers are refused; reads and deletes go on.',
  },
  freePercentMin: {
    kind: 'integer',
    default: 5,
    min: 0,
    max: 90,
    doc: 'The same as a share of the disk. The larger of the two applies, but never more than 5 GiB.',
  },
  tailCacheBytes: {
    kind: 'bytes',
    default: 128 * MIB,
    min: 0,
    doc: 'Memory for the newest records of all logs, so that consumers who keep up read no file.',
  },
};

const admin: SettingsOf<Config>['admin'] = {
  hosts: {
    kind: 'list',
    default: [],
    placeholder: 'HOST',
    doc: 'Further host names under which browsers may reach the HTTP listener. Against DNS rebinding.',
  },
  seriesMax: {
    kind: 'integer',
    default: 2_000,
    min: 0,
    max: 100_000,
    doc: 'Series per partition or group that `/metrics` shows at most; the rest is on `/metrics/per-object`.',
  },
};

/** The table. Its order is the order of the help and of the reference. */
export const SETTINGS: SettingsOf<Config> = {
  data: {
    kind: 'text',
    default: './data',
    placeholder: 'DIR|memory:',
    check: (text) => (text === '' ? 'must name a folder, or be memory:' : undefined),
    doc: 'Where everything is stored. `memory:` keeps it in memory and forgets it at the end.',
  },
  listen: {
    kind: 'list',
    default: [],
    placeholder: 'URL',
    check: (text) => problemOf(() => parseListenAddress(text)),
    doc: 'Where to listen, such as `kafka://127.0.0.1:9092`; port 0 picks a free one. Without it, every protocol listens on 127.0.0.1 at its usual port; `ws+…` listeners are there only when they are named.',
  },
  durability: {
    kind: 'choice',
    default: 'fsync',
    values: ['fsync', 'os', 'memory'],
    doc: 'What an acknowledgement means: on disk, written to the operating system, or neither. The default of new streams.',
  },
  advertise: {
    kind: 'list',
    default: [],
    placeholder: 'kafka=HOST:PORT',
    check: (text) => problemOf(() => parseAdvertisedAddress(text)),
    doc: 'The address that clients are told to connect to. Without it, the address they reached.',
  },
  clusterId: {
    kind: 'text',
    default: '',
    check: (text) =>
      /^[A-Za-z0-9._-]{0,64}$/.test(text) ? undefined : 'must have at most 64 of A-Z a-z 0-9 . _ -',
    doc: 'The name of the cluster that clients see. Empty: one is made up at the first start and kept.',
  },
  nodeId: {
    kind: 'integer',
    default: 1,
    min: 0,
    max: INT32_MAX,
    doc: 'The number of this broker that clients see.',
  },
  stopMs: {
    kind: 'milliseconds',
    default: 10 * SECOND_MS,
    min: 0,
    doc: 'How long a stop waits for requests in flight.',
  },
  log,
  limits,
  streams,
  groups,
  eventLog,
  queues,
  amqp,
  aws,
  sns,
  redis,
  mqtt,
  stomp,
  websocket,
  storage,
  admin,
};

function problemOf(parse: () => unknown): string | undefined {
  try {
    parse();
    return undefined;
  } catch (error: unknown) {
    return (error as Error).message;
  }
}

/**
 * The settings of Redis Pub/Sub, MQTT and STOMP, rows of the table in `settings.ts`. Most are limits on what one client may
 * make the broker keep for it.
 */
import type { SettingsOf } from './setting.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const SECOND_MS = 1_000;

export interface RedisConfig {
  messageBytesMax: number;
  subscriptionsMax: number;
  outputBytesMax: number;
  outputSoftBytesMax: number;
  outputSoftMs: number;
}

export interface MqttConfig {
  packetBytesMax: number;
  inflightMax: number;
  topicAliasMax: number;
  keepAliveMaxS: number;
  sessionExpiryMaxS: number;
  sessionMessagesMax: number;
  subscriptionsMax: number;
  outputBytesMax: number;
  sendTimeoutMs: number;
  retainedMax: number;
  retainedBytesMax: number;
  systemIntervalMs: number;
}

export interface StompConfig {
  messageBytesMax: number;
  headersMax: number;
  headerBytesMax: number;
  heartbeatMs: number;
  subscriptionsMax: number;
  transactionBytesMax: number;
  sendTimeoutMs: number;
}

export const redis: SettingsOf<RedisConfig> = {
  messageBytesMax: {
    kind: 'bytes',
    default: 16 * MIB,
    min: KIB,
    max: 512 * MIB,
    doc: 'The largest argument of a Redis command, so the largest message that PUBLISH takes.',
  },
  subscriptionsMax: {
    kind: 'integer',
    default: 10_000,
    min: 1,
    doc: 'Channels and patterns that one Redis connection may subscribe to.',
  },
  outputBytesMax: {
    kind: 'bytes',
    default: 32 * MIB,
    min: 64 * KIB,
    doc: 'A Redis client for which more than this waits to be sent is cut off, as with `client-output-buffer-limit pubsub` of Redis.',
  },
  outputSoftBytesMax: {
    kind: 'bytes',
    default: 8 * MIB,
    min: 0,
    doc: 'The same for what waits longer than `redis.outputSoftMs` without a break. 0: no such limit.',
  },
  outputSoftMs: {
    kind: 'milliseconds',
    default: 60 * SECOND_MS,
    min: SECOND_MS,
    doc: 'How long a Redis client may be above `redis.outputSoftBytesMax`.',
  },
};

export const mqtt: SettingsOf<MqttConfig> = {
  packetBytesMax: {
    kind: 'bytes',
    default: 16 * MIB,
    min: KIB,
    max: 256 * MIB,
    doc: 'The largest MQTT packet that is read (Maximum Packet Size).',
  },
  inflightMax: {
    kind: 'integer',
    default: 1_024,
    min: 1,
    max: 65_535,
    doc: 'Messages of QoS 1 and 2 that may be under way to or from one MQTT client without an answer (Receive Maximum). A client may ask for fewer.',
  },
  topicAliasMax: {
    kind: 'integer',
    default: 32,
    min: 0,
    max: 65_535,
    doc: 'Topic aliases for each direction of an MQTT 5 connection.',
  },
  keepAliveMaxS: {
    kind: 'integer',
    default: 600,
    min: 1,
    max: 65_535,
    doc: 'The longest keep-alive of an MQTT client, in seconds. MQTT 5 clients are told; for others silence of one and a half times this ends the connection too.',
  },
  sessionExpiryMaxS: {
    kind: 'integer',
    default: 86_400,
    min: 0,
    max: 4_294_967_295,
    doc: 'How long the session of an MQTT client outlives its connection at most, in seconds. 4294967295: for ever, if the client asks for it.',
  },
  sessionMessagesMax: {
    kind: 'integer',
    default: 1_000_000,
    min: 1,
    doc: 'Messages that wait for one MQTT client. Beyond this the oldest are dropped.',
  },
  subscriptionsMax: {
    kind: 'integer',
    default: 10_000,
    min: 1,
    doc: 'Topic filters that one MQTT client may subscribe to.',
  },
  outputBytesMax: {
    kind: 'bytes',
    default: 32 * MIB,
    min: 64 * KIB,
    doc: 'What may wait to be sent to one MQTT client, beside its stored session. Beyond it messages of QoS 0 are dropped, and for others the connection ends.',
  },
  sendTimeoutMs: {
    kind: 'milliseconds',
    default: 60 * SECOND_MS,
    min: SECOND_MS,
    doc: 'An MQTT client that has not read for this long what was sent to it is cut off.',
  },
  retainedMax: {
    kind: 'integer',
    default: 100_000,
    min: 0,
    doc: 'Retained messages of all MQTT topics.',
  },
  retainedBytesMax: {
    kind: 'bytes',
    default: GIB,
    min: 0,
    doc: 'Bytes of all retained MQTT messages.',
  },
  systemIntervalMs: {
    kind: 'milliseconds',
    default: 10 * SECOND_MS,
    min: 0,
    doc: 'How often the MQTT topics below `$SYS` are published. 0: never.',
  },
};

export const stomp: SettingsOf<StompConfig> = {
  messageBytesMax: {
    kind: 'bytes',
    default: 16 * MIB,
    min: KIB,
    max: 512 * MIB,
    doc: 'The largest body of a STOMP frame.',
  },
  headersMax: {
    kind: 'integer',
    default: 100,
    min: 10,
    max: 10_000,
    doc: 'Headers of one STOMP frame.',
  },
  headerBytesMax: {
    kind: 'bytes',
    default: 8 * KIB,
    min: 256,
    max: MIB,
    doc: 'The longest line of a STOMP header, with its name.',
  },
  heartbeatMs: {
    kind: 'milliseconds',
    default: 0,
    min: 0,
    doc: 'The shortest interval of STOMP heart-beats that the broker sends or expects where the client wants some; 0: as short as the client says.',
  },
  subscriptionsMax: {
    kind: 'integer',
    default: 10_000,
    min: 1,
    doc: 'Subscriptions of one STOMP connection.',
  },
  transactionBytesMax: {
    kind: 'bytes',
    default: 64 * MIB,
    min: KIB,
    doc: 'What all open transactions of one STOMP connection may hold.',
  },
  sendTimeoutMs: {
    kind: 'milliseconds',
    default: 60 * SECOND_MS,
    min: SECOND_MS,
    doc: 'A STOMP client that has not read for this long what was sent to it is cut off.',
  },
};

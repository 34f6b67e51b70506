import type { Durability } from '../../log/log.ts';

/**
 * The settings of a stream, one row each: the row feeds validation, the effective value, the describe
 * calls of every protocol and `docs/reference/stream-config.md`. Protocols map their own names to these.
 */
interface Row<T> {
  type: 'integer' | 'text';
  default: T;
  min?: number;
  max?: number;
  values?: readonly string[];
  doc: string;
}

export const STREAM_CONFIG = {
  retentionMs: {
    type: 'integer',
    default: 604_800_000,
    min: -1,
    doc: 'Records older than this are removed, a segment at a time. -1: never.',
  } as Row<number>,
  retentionBytes: {
    type: 'integer',
    default: -1,
    min: -1,
    doc: 'A partition larger than this loses its oldest segments. -1: no limit.',
  } as Row<number>,
  segmentBytes: {
    type: 'integer',
    default: 256 * 1024 * 1024,
    min: 1024,
    max: 2_147_483_647,
    doc: 'A segment file is closed when it would grow beyond this.',
  } as Row<number>,
  segmentMs: {
    type: 'integer',
    default: 604_800_000,
    min: 1,
    doc: 'A segment file is closed after this time even if it is not full.',
  } as Row<number>,
  batchBytesMax: {
    type: 'integer',
    default: 1_048_588,
    min: 0,
    max: 2_147_483_647,
    doc: 'The largest batch (Kafka: max.message.bytes) that is accepted, in bytes as sent.',
  } as Row<number>,
  timestampType: {
    type: 'text',
    default: 'create',
    values: ['create', 'append'],
    doc: 'Whether records keep the time the producer gave or get the time of the append.',
  } as Row<'create' | 'append'>,
  timestampAheadMsMax: {
    type: 'integer',
    default: 3_600_000,
    min: 0,
    doc: 'How far in the future a producer may date a record.',
  } as Row<number>,
  timestampBehindMsMax: {
    type: 'integer',
    default: Number.MAX_SAFE_INTEGER,
    min: 0,
    doc: 'How far in the past a producer may date a record.',
  } as Row<number>,
  durability: {
    type: 'text',
    default: 'fsync',
    values: ['fsync', 'os', 'memory'],
    doc: 'What an acknowledgement means: on disk, written to the operating system, or neither.',
  } as Row<Durability>,
} as const;

export type StreamConfigName = keyof typeof STREAM_CONFIG;

export type StreamConfig = {
  readonly [K in StreamConfigName]: (typeof STREAM_CONFIG)[K]['default'];
};

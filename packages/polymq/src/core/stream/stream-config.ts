import type { Durability } from '../../log/log.ts';
import { BrokerError } from '../errors.ts';

/**
 * The settings of a stream, one row each: the row feeds validation, the effective value, the
 * describe calls of every protocol and `docs/reference/stream-config.md`. Protocols map their own
 * names to these.
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

/** Every setting as the broker has it when nobody sets anything. */
export const STREAM_CONFIG_DEFAULTS: StreamConfig = Object.freeze(
  Object.fromEntries(
    Object.entries(STREAM_CONFIG).map(([name, row]) => [name, row.default]),
  ) as StreamConfig,
);

export const STREAM_CONFIG_NAMES: readonly StreamConfigName[] = Object.keys(
  STREAM_CONFIG,
) as StreamConfigName[];

export function isStreamConfigName(name: string): name is StreamConfigName {
  return Object.hasOwn(STREAM_CONFIG, name);
}

/** Reads one setting from text. Throws `invalid-config`. */
export function parseStreamConfigValue<N extends StreamConfigName>(
  name: N,
  text: string,
): StreamConfig[N] {
  const row: Row<unknown> = STREAM_CONFIG[name];
  const value = row.type === 'integer' ? parseInteger(name, row, text) : parseText(name, row, text);
  return value as StreamConfig[N];
}

/** The text that `parseStreamConfigValue` reads as `value`. */
export function formatStreamConfigValue(value: StreamConfig[StreamConfigName]): string {
  return String(value);
}

/** `defaults` with `overrides` over them. Throws `invalid-config` if one of them does not parse. */
export function resolveStreamConfig(
  defaults: StreamConfig,
  overrides: ReadonlyMap<StreamConfigName, string>,
): StreamConfig {
  const config: Record<string, number | string> = { ...defaults };
  for (const [name, text] of overrides) {
    if (!isStreamConfigName(name)) throw invalid(`there is no stream setting "${String(name)}"`);
    config[name] = parseStreamConfigValue(name, text);
  }
  return Object.freeze(config) as unknown as StreamConfig;
}

/** `overrides` after `changes` (undefined: reset) were made. */
export function changeOverrides(
  overrides: ReadonlyMap<StreamConfigName, string>,
  changes: Iterable<readonly [StreamConfigName, string | undefined]>,
): Map<StreamConfigName, string> {
  const changed = new Map(overrides);
  for (const [name, text] of changes) {
    if (text === undefined) changed.delete(name);
    else changed.set(name, text);
  }
  return changed;
}

function parseInteger(name: string, row: Row<unknown>, text: string): number {
  const trimmed = text.trim();
  if (!/^[+-]?\d{1,19}$/.test(trimmed)) throw invalid(`${name} must be an integer, not "${text}"`);
  // Peers write "no limit" as the largest 64-bit number, which is beyond what a number holds
  // exactly.
  const value = Math.min(Number(trimmed), Number.MAX_SAFE_INTEGER);
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = row;
  if (value < min || value > max) {
    throw invalid(`${name} must lie between ${min} and ${max}, not at ${trimmed}`);
  }
  return value;
}

function parseText(name: string, row: Row<unknown>, text: string): string {
  if (row.values !== undefined && !row.values.includes(text)) {
    throw invalid(`${name} must be one of ${row.values.join(', ')}, not "${text}"`);
  }
  return text;
}

function invalid(message: string): BrokerError {
  return new BrokerError('invalid-config', message);
}

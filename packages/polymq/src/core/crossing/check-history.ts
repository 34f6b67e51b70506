import { type DeathRecord, readHistory as parseHistory } from '../message/history.ts';

/** Larger ones are not read: a history has at most 64 records. */
const BYTES_MAX = 256 * 1024;
const RECORDS_MAX = 64;
const REASONS: readonly unknown[] = ['rejected', 'expired', 'maxlen', 'delivery_limit'];

/** The history of dead letters in a record, where anybody may have written it. `undefined` if it is none. */
export function readHistory(bytes: Buffer): DeathRecord[] | undefined {
  if (bytes.length > BYTES_MAX) return undefined;
  try {
    const history: unknown = parseHistory(bytes.toString('utf8'));
    if (!Array.isArray(history) || history.length > RECORDS_MAX) return undefined;
    return history.every(isDeath) ? history.map(onlyKnownFields) : undefined;
  } catch {
    return undefined;
  }
}

function isDeath(value: unknown): value is DeathRecord {
  if (typeof value !== 'object' || value === null) return false;
  const death = value as Partial<Record<keyof DeathRecord, unknown>>;
  const { routingKeys, ttlMs } = death;
  return (
    typeof death.queue === 'string' &&
    typeof death.exchange === 'string' &&
    REASONS.includes(death.reason) &&
    isCount(death.count) &&
    isCount(death.firstMs) &&
    Array.isArray(routingKeys) &&
    routingKeys.every((key) => typeof key === 'string') &&
    (ttlMs === undefined || isCount(ttlMs))
  );
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function onlyKnownFields(death: DeathRecord): DeathRecord {
  const { queue, reason, count, firstMs, exchange, routingKeys, ttlMs } = death;
  const known = { queue, reason, count, firstMs, exchange, routingKeys };
  return ttlMs === undefined ? known : { ...known, ttlMs };
}

/** Why and where a message was dead-lettered before: what AMQP shows as `x-death`. */
export interface DeathRecord {
  queue: string;
  reason: DeathReason;
  /** How often it died in that queue for that reason. */
  count: number;
  /** When it died there first, ms since the epoch. */
  firstMs: number;
  /** What it had been published to. */
  exchange: string;
  routingKeys: readonly string[];
  /** The time to live it carried itself, in ms; it is taken off on the way. */
  ttlMs?: number;
}

export type DeathReason = 'rejected' | 'expired' | 'maxlen' | 'delivery_limit';

/** More deaths than this are forgotten, oldest first: a cycle of queues must not grow a message for ever. */
const RECORDS_MAX = 64;

/** The history after another death: newest first, one record per queue and reason. */
export function addDeath(
  history: readonly DeathRecord[],
  death: Omit<DeathRecord, 'count'>,
): DeathRecord[] {
  const same = history.find(
    ({ queue, reason }) => queue === death.queue && reason === death.reason,
  );
  const others = history.filter((record) => record !== same);
  const first = same ? { ...same, count: same.count + 1 } : { ...death, count: 1 };
  return [first, ...others].slice(0, RECORDS_MAX);
}

export function writeHistory(history: readonly DeathRecord[]): Buffer {
  return Buffer.from(JSON.stringify(history), 'utf8');
}

export function readHistory(json: string): DeathRecord[] {
  return JSON.parse(json) as DeathRecord[];
}

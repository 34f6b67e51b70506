import { BrokerError } from '../errors.ts';

/** How much one broker takes on. */
export interface StreamLimits {
  streamsMax: number;
  /** Of all streams together. */
  partitionsMax: number;
  /** Idempotent producers remembered, of all partitions together. */
  producersMax: number;
}

export const STREAM_LIMITS: StreamLimits = {
  streamsMax: 10_000,
  partitionsMax: 10_000,
  producersMax: 200_000,
};

const NAME = /^[a-zA-Z0-9._-]{1,249}$/;

/** Throws `invalid-name`. The rules are those of Kafka topics. */
export function checkStreamName(name: string): void {
  if (NAME.test(name) && name !== '.' && name !== '..') return;
  throw new BrokerError(
    'invalid-name',
    `"${name.slice(0, 260)}" cannot name a stream: it takes 1 to 249 of a-z A-Z 0-9 . _ - (not . or ..)`,
  );
}

/** Throws `invalid-partitions`. */
export function checkPartitionCount(count: number): void {
  if (Number.isInteger(count) && count >= 1) return;
  throw new BrokerError('invalid-partitions', `a stream cannot have ${count} partitions`);
}

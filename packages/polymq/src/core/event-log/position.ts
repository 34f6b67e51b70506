import { BrokerError } from '../errors.ts';

/**
 * A place in a store as text: the next offset of each partition, `17` or `17.4.0`. Behind what is missing nothing was read.
 */
export function writePosition(offsets: readonly number[]): string {
  return offsets.join('.');
}

/** Throws `invalid-request` if it is no position of a store with so many partitions. */
export function readPosition(position: string | undefined, partitions: number): number[] {
  const offsets = new Array<number>(partitions).fill(0);
  if (position === undefined) return offsets;
  const parts = position.length > 20 * partitions ? [] : position.split('.');
  const wellFormed = parts.length === partitions && parts.every((part) => /^\d{1,15}$/.test(part));
  if (!wellFormed) {
    throw new BrokerError(
      'invalid-request',
      `"${position.slice(0, 60)}" is no position in this store; pass back one that came with an event`,
    );
  }
  return parts.map(Number);
}

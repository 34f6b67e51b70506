/** Ids that follow from what they name, so that they need not be stored. */
import { hash } from 'node:crypto';
import { uuidAt } from './properties.ts';

/** A UUID that is always the same for the same parts. */
export function derivedId(...parts: readonly (string | number)[]): string {
  const digest = Buffer.from(hash('md5', parts.join('\0'), 'hex'), 'hex');
  // Version and variant of a random UUID: some clients look.
  digest[6] = (digest[6]! & 0x0f) | 0x40;
  digest[8] = (digest[8]! & 0x3f) | 0x80;
  return uuidAt(digest, 0);
}

/** Where an input is cut in two: everywhere while that is affordable, else at places that depend on the input alone. */
import { SeededRandom } from '../../crash/random.ts';

const EVERYWHERE_BYTES_MAX = 200;
const CUTS_OF_LONG = 12;

export function cutsOf(bytes: number): number[] {
  if (bytes <= EVERYWHERE_BYTES_MAX) return Array.from({ length: bytes + 1 }, (_, i) => i);
  const random = new SeededRandom(bytes);
  return Array.from({ length: CUTS_OF_LONG }, () => random.between(0, bytes));
}

/** A time limit for targets that read an input once for each cut. */
export const STALL_OF_CUTS_MS = 1000;

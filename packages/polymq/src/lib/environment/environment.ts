import type { Clock, Timers } from './clock.ts';
import type { Disk } from './disk.ts';
import type { Network } from './network.ts';
import type { Outbound } from './outbound.ts';
import type { Random } from './random.ts';

/**
 * Everything the broker touches outside its own memory. Nothing below `server/` calls `Date.now`,
 * `setTimeout`, `Math.random`, `node:fs` or `node:net` itself: it is handed this object, so the
 * whole broker can run in a seeded simulation with faults.
 */
export interface Environment {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly disk: Disk;
  readonly network: Network;
  readonly outbound: Outbound;
}

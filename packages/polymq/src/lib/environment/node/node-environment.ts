import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import type { Clock, Timer, Timers } from '../clock.ts';
import type { Environment } from '../environment.ts';
import type { Random } from '../random.ts';
import { NodeDisk } from './node-disk.ts';
import { createNodeNetwork } from './node-network.ts';
import { createNodeOutbound } from './node-outbound.ts';

/** The real world: this process's disk, clock, timers, randomness and sockets. */
export function createNodeEnvironment(): Environment {
  return {
    clock: nodeClock,
    timers: nodeTimers,
    random: nodeRandom,
    disk: new NodeDisk(),
    network: createNodeNetwork(),
    outbound: createNodeOutbound(),
  };
}

const nodeClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

const nodeTimers: Timers = {
  after: (delayMs, callback) => setTimeout(callback, delayMs),
  clear: (timer: Timer | undefined) => clearTimeout(timer as NodeJS.Timeout | undefined),
  immediate: (callback) => {
    setImmediate(callback);
  },
};

const nodeRandom: Random = {
  bytes: (count) => randomBytes(count),
  integer: (end) => randomInt(end),
  uuid: () => randomUUID(),
};

import type { Protocol } from '../../net/protocol.ts';
import { REDIS_EXCHANGE, SHARDED_EXCHANGE } from './destinations.ts';
import { RedisServer } from './server.ts';

/** Redis Pub/Sub as redis-server 7 speaks it. */
export const redis: Protocol = {
  scheme: 'redis',
  defaultPort: 6379,
  guarded: true,
  exchanges: [
    { name: REDIS_EXCHANGE, type: 'glob' },
    { name: SHARDED_EXCHANGE, type: 'direct' },
  ],
  open: (context) => new RedisServer(context),
};

/** `redis://`: live topics and requests over Pub/Sub. Loads `redis` (node-redis 4 to 6). Nothing is stored, so there are no queues. */
import type { Capabilities } from '../../driver/capabilities.ts';
import type { Driver, DriverContext } from '../../driver/driver.ts';
import { RedisConnection, type RedisOptions } from './connection.ts';
import { loadLibrary } from './library.ts';
import { RedisRequests } from './requests.ts';
import { RedisTopics } from './topics.ts';

export type { RedisOptions } from './connection.ts';

/** For the table of the documents as well. */
export const CAPABILITIES: Capabilities = {
  queue: false,
  delay: false,
  priority: false,
  fifo: false,
  dedupe: false,
  ttl: false,
  limit: false,
  'drop-lowest-priority': false,
  peek: false,
  topic: 'channels, at most once',
  live: 'native',
  group: false,
  replay: false,
  fanout: false,
  'request-reply': 'channels',
  'event-log': false,
  transaction: false,
  'manual-clock': false,
};

/** `redis[s]://[user:password@]host[:port][/db]`. Options are those of `createClient` of node-redis. */
export async function open(
  url: URL,
  options: RedisOptions | undefined,
  context: DriverContext,
): Promise<Driver> {
  const createClient = await loadLibrary();
  const connection = new RedisConnection(createClient, url, options ?? {}, context);
  await connection.open();
  return {
    engine: 'Redis',
    system: 'redis',
    capabilities: CAPABILITIES,
    topics: new RedisTopics(connection),
    requests: new RedisRequests(connection),
    close: () => connection.close(),
  };
}

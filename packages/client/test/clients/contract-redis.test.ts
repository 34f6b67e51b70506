/** The contract of drivers on Redis from Debian's package, and on the Redis port of PolyMQ. */
import { open } from '../../src/drivers/redis/index.ts';
import { driverContract } from '../contract/driver-contract.ts';
import {
  type Engine,
  redisMissing,
  startPolymqEngine,
  startRedisEngine,
} from '../support/engines.ts';
import { openClient } from '../support/open-client.ts';

async function contractEngine(starting: Promise<Engine>) {
  const engine = await starting;
  return {
    connect: () => openClient(open, `redis://127.0.0.1:${engine.port('redis')}`),
    restart: () => engine.restart(),
    kill: () => engine.kill!(),
    stop: () => engine.stop(),
  };
}

await driverContract({
  name: 'redis',
  missing: redisMissing(),
  start: () => contractEngine(startRedisEngine()),
});
await driverContract({
  name: 'redis on PolyMQ',
  start: () => contractEngine(startPolymqEngine(['redis'])),
});

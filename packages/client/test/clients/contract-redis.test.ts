/** The contract of drivers on Redis from Debian's package, and on the Redis port of PolyMQ. */
import type { Client } from '@polymq/client';
import { createClient } from '../../src/client/create-client.ts';
import { open } from '../../src/drivers/redis/index.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { driverContract } from '../contract/driver-contract.ts';
import {
  type Engine,
  redisMissing,
  startPolymqEngine,
  startRedisEngine,
} from '../support/engines.ts';

async function connect(port: number): Promise<Client> {
  let client: ReturnType<typeof createClient> | undefined;
  const driver = await open(new URL(`redis://127.0.0.1:${port}`), undefined, {
    clock: systemClock,
    timeoutMs: 30_000,
    clientName: 'contract',
    onConnection: (state, error) => client?.connectionChanged(state, error),
  });
  client = createClient(driver);
  return client;
}

async function contractEngine(starting: Promise<Engine>) {
  const engine = await starting;
  return {
    connect: () => connect(engine.port('redis')),
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

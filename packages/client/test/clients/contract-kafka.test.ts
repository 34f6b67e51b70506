/**
 * The contract of drivers on Kafka: PolyMQ as its own process, or `TEST_KAFKA=HOST:PORT` (then nothing is restarted).
 */
import type { Client } from '@polymq/client';
import { createClient } from '../../src/client/create-client.ts';
import { open } from '../../src/drivers/kafka/index.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { driverContract } from '../contract/driver-contract.ts';
import { startPolymqEngine } from '../support/engines.ts';

const given = process.env['TEST_KAFKA'];

async function connect(address: string): Promise<Client> {
  let client: ReturnType<typeof createClient> | undefined;
  const driver = await open(new URL(`kafka://${address}`), undefined, {
    clock: systemClock,
    timeoutMs: 30_000,
    clientName: 'contract',
    onConnection: (state, error) => client?.connectionChanged(state, error),
  });
  client = createClient(driver);
  return client;
}

await driverContract({
  name: 'kafka',
  // A batch of records has 1 MiB at most, if a topic says nothing else.
  bodyBytes: 900_000,
  consumersOwnParts: true,
  async start() {
    if (given !== undefined) return { connect: () => connect(given), stop: async () => {} };
    const engine = await startPolymqEngine(['kafka']);
    const address = `127.0.0.1:${engine.port('kafka')}`;
    return {
      connect: () => connect(address),
      restart: () => engine.restart(),
      kill: () => engine.kill!(),
      stop: () => engine.stop(),
    };
  },
});

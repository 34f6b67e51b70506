/**
 * The contract of drivers on Kafka: PolyMQ as its own process, or `TEST_KAFKA=HOST:PORT` (then nothing is restarted).
 */
import type { Client } from '@polymq/client';
import { open } from '../../src/drivers/kafka/index.ts';
import { driverContract } from '../contract/driver-contract.ts';
import { startPolymqEngine } from '../support/engines.ts';
import { foreignKafka } from '../support/foreign-programs.ts';
import { openClient } from '../support/open-client.ts';

const given = process.env['TEST_KAFKA'];

const connect = (address: string): Promise<Client> => openClient(open, `kafka://${address}`);

await driverContract({
  name: 'kafka',
  // A batch of records has 1 MiB at most, if a topic says nothing else.
  bodyBytes: 900_000,
  consumersOwnParts: true,
  async start() {
    if (given !== undefined) {
      return { connect: () => connect(given), stop: async () => {}, ...foreignKafka(given) };
    }
    const engine = await startPolymqEngine(['kafka']);
    const address = `127.0.0.1:${engine.port('kafka')}`;
    return {
      connect: () => connect(address),
      restart: () => engine.restart(),
      kill: () => engine.kill!(),
      stop: () => engine.stop(),
      ...foreignKafka(address),
    };
  },
});

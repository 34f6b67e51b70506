/**
 * The contract of drivers on Kafka: PolyMQ as its own process, or what `TEST_KAFKA` names (`given-engines.ts`), `apache` for one.
 */
import type { Client } from '@polymq/client';
import { open } from '../../src/drivers/kafka/index.ts';
import { driverContract } from '../contract/driver-contract.ts';
import { startPolymqEngine } from '../support/engines.ts';
import { foreignKafka } from '../support/foreign-programs.ts';
import { givenKafka } from '../support/given-engines.ts';
import { openClient } from '../support/open-client.ts';

const connect = (address: string): Promise<Client> => openClient(open, `kafka://${address}`);

await driverContract({
  name: 'kafka',
  // A batch of records has 1 MiB at most, if a topic says nothing else.
  bodyBytes: 900_000,
  consumersOwnParts: true,
  async start() {
    const given = await givenKafka();
    if (given !== undefined) {
      const { address, stop } = given;
      return { connect: () => connect(address), stop, ...foreignKafka(address) };
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

/**
 * The contract of drivers on SQS: the listener of PolyMQ in a process of its own, or what
 * `TEST_SQS` names (`given-engines.ts`).
 */
import type { Client } from '@polymq/client';
import { open, type SqsOptions } from '../../src/drivers/sqs/index.ts';
import { driverContract } from '../contract/driver-contract.ts';
import { startPolymqEngine } from '../support/engines.ts';
import { givenSqs } from '../support/given-engines.ts';
import { openClient } from '../support/open-client.ts';
import { sqsForeigners } from '../support/sqs-foreigners.ts';

const connect = (url: string): Promise<Client> => openClient<SqsOptions>(open, url, {});

await driverContract({
  name: 'sqs',
  // All times are whole seconds there.
  leaseMsMin: 1000,
  delayMsStep: 1000,
  bodyBytes: 180_000,
  async start() {
    const given = await givenSqs();
    if (given !== undefined) {
      const { address, stop } = given;
      return { connect: () => connect(address), stop, ...sqsForeigners(address) };
    }
    const broker = await startPolymqEngine(['aws']);
    const url = `http://127.0.0.1:${broker.port('aws')}`;
    return {
      connect: () => connect(url),
      restart: () => broker.restart(),
      kill: () => broker.kill!(),
      stop: () => broker.stop(),
      ...sqsForeigners(url),
    };
  },
});

/**
 * The contract of drivers on SQS: the listener of PolyMQ in a process of its own, or the service at `TEST_SQS` (LocalStack,
 * ElasticMQ, AWS), which is not restarted.
 *
 *   TEST_SQS=http://127.0.0.1:4566 npx vitest run packages/client/test/clients/contract-sqs.test.ts
 */
import type { Client } from '@polymq/client';
import { open, type SqsOptions } from '../../src/drivers/sqs/index.ts';
import { driverContract } from '../contract/driver-contract.ts';
import { startPolymqEngine } from '../support/engines.ts';
import { openClient } from '../support/open-client.ts';
import { sqsForeigners } from '../support/sqs-foreigners.ts';

const given = process.env['TEST_SQS'];
const connect = (url: string): Promise<Client> => openClient<SqsOptions>(open, url, {});

await driverContract({
  name: 'sqs',
  // All times are whole seconds there.
  leaseMsMin: 1000,
  delayMsStep: 1000,
  bodyBytes: 180_000,
  async start() {
    if (given !== undefined) {
      return { connect: () => connect(given), stop: async () => {}, ...sqsForeigners(given) };
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

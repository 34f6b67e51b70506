/**
 * The contract of drivers on SQS and SNS: PolyMQ as its own process, or `TEST_SQS=http://HOST:PORT`, such as LocalStack or moto (then nothing is restarted).
 */

import {
  DeleteMessageCommand,
  GetQueueUrlCommand,
  type MessageAttributeValue,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { Client } from '@polymq/client';
import { createClient } from '../../src/client/create-client.ts';
import { open } from '../../src/drivers/sqs/index.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { driverContract } from '../contract/driver-contract.ts';
import { type ContractEngine, eventually, type ForeignMessage } from '../contract/stage.ts';
import { startPolymqEngine } from '../support/engines.ts';

const given = process.env['TEST_SQS'];

async function connect(address: string): Promise<Client> {
  let client: ReturnType<typeof createClient> | undefined;
  const driver = await open(
    new URL(address),
    {},
    {
      clock: systemClock,
      timeoutMs: 30_000,
      clientName: 'contract',
      onConnection: (state, error) => client?.connectionChanged(state, error),
    },
  );
  client = createClient(driver);
  return client;
}

/** A program without this SDK. */
function foreigners(endpoint: string): Pick<ContractEngine, 'sendForeign' | 'receiveForeign'> {
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
  const sqs = new SQSClient({ endpoint, region: 'us-east-1', credentials });
  const urlOf = async (QueueName: string): Promise<string> =>
    (await sqs.send(new GetQueueUrlCommand({ QueueName }))).QueueUrl!;
  return {
    async sendForeign(queue, { body, headers }) {
      const MessageAttributes: Record<string, MessageAttributeValue> = {};
      for (const [name, StringValue] of Object.entries(headers)) {
        MessageAttributes[name] = { DataType: 'String', StringValue };
      }
      const MessageBody = Buffer.from(body).toString();
      const QueueUrl = await urlOf(queue);
      await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody, MessageAttributes }));
    },
    async receiveForeign(queue): Promise<ForeignMessage> {
      const QueueUrl = await urlOf(queue);
      const message = await eventually('a foreign program got one', async () => {
        const wanted = { QueueUrl, MessageAttributeNames: ['All'] };
        return (await sqs.send(new ReceiveMessageCommand(wanted))).Messages?.[0];
      });
      const { ReceiptHandle, Body = '', MessageAttributes = {} } = message;
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      const facts = JSON.parse(MessageAttributes['polymq']?.StringValue ?? '{}');
      return { body: Buffer.from(Body), headers: facts.h ?? {}, contentType: facts.ct };
    },
  };
}

await driverContract({
  name: 'sqs',
  delayMsStep: 1000,
  leaseMsMin: 1000,
  // A megabyte with the attributes, and a third more as base64.
  bodyBytes: 700_000,
  async start() {
    if (given !== undefined) {
      return { connect: () => connect(given), stop: async () => {}, ...foreigners(given) };
    }
    const engine = await startPolymqEngine(['aws']);
    const address = `http://127.0.0.1:${engine.port('aws')}`;
    return {
      connect: () => connect(address),
      restart: () => engine.restart(),
      kill: () => engine.kill!(),
      stop: () => engine.stop(),
      ...foreigners(address),
    };
  },
});

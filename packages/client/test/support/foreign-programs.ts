/** Programs that know nothing of the SDK: they send and receive with the client library of the engine alone. */
import {
  DeleteMessageCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { connect } from 'amqplib';
import { type ContractEngine, eventually } from '../contract/stage.ts';

type Foreign = Required<Pick<ContractEngine, 'sendForeign' | 'receiveForeign'>>;

export function foreignAmqp(url: string): Foreign {
  return {
    async sendForeign(queue, { body, headers, contentType }) {
      const connection = await connect(url);
      const channel = await connection.createConfirmChannel();
      channel.sendToQueue(queue, Buffer.from(body), {
        headers,
        ...(contentType !== undefined && { contentType }),
      });
      await channel.waitForConfirms();
      await connection.close();
    },
    async receiveForeign(queue) {
      const connection = await connect(url);
      const channel = await connection.createChannel();
      const message = await eventually('amqplib gets it', () => channel.get(queue));
      channel.ack(message);
      // The answer to this comes when the broker has seen the ack.
      await channel.checkQueue(queue);
      await connection.close();
      const { headers = {}, contentType } = message.properties as {
        headers?: Record<string, string>;
        contentType?: string;
      };
      return { body: message.content, headers, contentType };
    },
  };
}

export function foreignSqs(endpoint: string): Foreign {
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
  const client = new SQSClient({ endpoint, region: 'us-east-1', credentials });
  const urlOf = async (name: string): Promise<string> =>
    (await client.send(new GetQueueUrlCommand({ QueueName: name }))).QueueUrl!;
  return {
    async sendForeign(queue, { body, headers }) {
      const attributes = Object.entries(headers).map(([name, value]) => [
        name,
        { DataType: 'String', StringValue: value },
      ]);
      await client.send(
        new SendMessageCommand({
          QueueUrl: await urlOf(queue),
          MessageBody: Buffer.from(body).toString(),
          MessageAttributes: Object.fromEntries(attributes),
        }),
      );
    },
    async receiveForeign(queue) {
      const QueueUrl = await urlOf(queue);
      const request = { QueueUrl, WaitTimeSeconds: 1, MessageAttributeNames: ['All'] };
      const message = await eventually('the SDK of AWS receives it', async () => {
        return (await client.send(new ReceiveMessageCommand(request))).Messages?.[0];
      });
      const { ReceiptHandle, Body = '', MessageAttributes = {} } = message;
      await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      const headers = Object.fromEntries(
        Object.entries(MessageAttributes).map(([name, { StringValue = '' }]) => [
          name,
          StringValue,
        ]),
      );
      return { body: Buffer.from(Body), headers };
    },
  };
}

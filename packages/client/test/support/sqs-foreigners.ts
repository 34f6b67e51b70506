/** A program that speaks SQS without this SDK. */
import {
  DeleteMessageCommand,
  GetQueueUrlCommand,
  type MessageAttributeValue,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { type ContractEngine, eventually, type ForeignMessage } from '../contract/stage.ts';

export function sqsForeigners(
  endpoint: string,
): Required<Pick<ContractEngine, 'sendForeign' | 'receiveForeign'>> {
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

/** Programs that know nothing of the SDK: they send and receive with the client library of the engine alone. */
import { connect } from 'amqplib';
import { Kafka, type KafkaMessage, logLevel, Partitioners } from 'kafkajs';
import { type ContractEngine, eventually, gate } from '../contract/stage.ts';

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

/** Takes what it receives away by committing for the group that serves the queue. */
export function foreignKafka(broker: string): Foreign {
  const kafka = new Kafka({ clientId: 'foreign', brokers: [broker], logLevel: logLevel.NOTHING });
  return {
    async sendForeign(queue, { body, headers, contentType }) {
      const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
      await producer.connect();
      const all = contentType === undefined ? headers : { ...headers, 'content-type': contentType };
      await producer.send({
        topic: queue,
        messages: [{ value: Buffer.from(body), headers: { ...all } }],
      });
      await producer.disconnect();
    },
    async receiveForeign(queue) {
      const consumer = kafka.consumer({ groupId: `polymq.${queue}` });
      await consumer.connect();
      await consumer.subscribe({ topics: [queue], fromBeginning: true });
      const came = gate<KafkaMessage>();
      await consumer.run({ eachMessage: async ({ message }) => came.open(message) });
      const { value, headers = {} } = await came.promise;
      // Leaving commits what was handled.
      await consumer.disconnect();
      const texts = Object.entries(headers).map(([name, text]) => [name, String(text)]);
      const { 'polymq-content-type': contentType, ...others } = Object.fromEntries(texts);
      return { body: value ?? Buffer.alloc(0), headers: others, contentType };
    },
  };
}

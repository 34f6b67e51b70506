/** `… --topic NAME --partitions N`, anywhere in the arguments: grows that topic of localhost:9092. */
import { Kafka, logLevel } from 'kafkajs';

const words = process.argv.slice(2).join(' ');
const topic = /--topic (\S+)/.exec(words)?.[1];
const count = Number(/--partitions (\d+)/.exec(words)?.[1]);
if (topic === undefined || !Number.isInteger(count)) throw new Error(`cannot read: ${words}`);

const admin = new Kafka({ brokers: ['localhost:9092'], logLevel: logLevel.ERROR }).admin();
await admin.connect();
await admin.createPartitions({ topicPartitions: [{ topic, count }] });
await admin.disconnect();

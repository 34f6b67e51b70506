/** The broker that kafkajs's specs find on the ports they have written in, and what else they need. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Kafka, logLevel } from 'kafkajs';
import { startApacheKafka } from '../support/apache-kafka.ts';
import { startPolymq } from '../support/polymq.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import type { Peer } from './baseline.ts';

export interface RunningBroker {
  stop(): Promise<void>;
}

const PORTS = [9092, 9095, 9098];
const CONTROLLER_PORT = 19_093;

/** Two partitions for auto-created topics and node 0, as in the specs' own set-up. */
export async function startBrokerOnKafkaJsPorts(peer: Peer): Promise<RunningBroker> {
  return peer === 'apache' ? startApache() : startOurs();
}

async function startOurs(): Promise<RunningBroker> {
  const data = temporaryFolder('kafkajs-specs-data-');
  const broker = await startPolymq({
    data: data.path,
    listen: PORTS.map((port) => `kafka://127.0.0.1:${port}`),
    args: [
      '--streams-partitions',
      '2',
      '--node-id',
      '0',
      // The specs compare with the name they dial.
      '--advertise',
      `kafka=localhost:${PORTS[0]}`,
      '--limits-connections-per-second-max',
      '100000',
    ],
  });
  return {
    stop: async () => {
      await broker.stop();
      data.remove();
    },
  };
}

async function startApache(): Promise<RunningBroker> {
  const names = PORTS.map((_, index) => (index === 0 ? 'PLAINTEXT' : `PLAIN${index}`));
  const listeners = (host: string) =>
    PORTS.map((port, index) => `${names[index]}://${host}:${port}`).join(',');
  const broker = await startApacheKafka({
    port: PORTS[0],
    heap: '512m',
    config: {
      'node.id': '0',
      'controller.quorum.bootstrap.servers': `127.0.0.1:${CONTROLLER_PORT}`,
      listeners: `${listeners('127.0.0.1')},CONTROLLER://127.0.0.1:${CONTROLLER_PORT}`,
      'advertised.listeners': listeners('localhost'),
      'listener.security.protocol.map': ['CONTROLLER', ...names]
        .map((name) => `${name}:PLAINTEXT`)
        .join(','),
      'num.partitions': '2',
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'allow.everyone.if.no.acl.found': 'true',
      'super.users': 'User:ANONYMOUS',
    },
  });
  return { stop: async () => void (await broker.stop()) };
}

/** The first group and the first transaction make Apache Kafka create its inner topics: not a spec's matter. */
export async function warmUp(peer: Peer): Promise<void> {
  if (peer !== 'apache') return;
  const kafka = new Kafka({ brokers: ['localhost:9092'], logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ transactionalId: 'warm-up', maxInFlightRequests: 1 });
  await producer.connect();
  const transaction = await producer.transaction();
  await transaction.send({ topic: 'warm-up', messages: [{ value: 'v' }] });
  await transaction.commit();
  await producer.disconnect();
  const admin = kafka.admin();
  await admin.connect();
  await admin.setOffsets({
    groupId: 'warm-up',
    topic: 'warm-up',
    partitions: [{ partition: 0, offset: '0' }],
  });
  await admin.disconnect();
}

/**
 * A folder with a `docker` for the one spec that grows a topic through `docker exec … kafka-topics`:
 * it does the same through the protocol.
 */
export function dockerStandIn(): string {
  const folder = temporaryFolder('kafkajs-specs-bin-').path;
  const script = fileURLToPath(new URL('grow-topic.ts', import.meta.url));
  const run = [process.execPath, ...process.execArgv, script].map((word) => `'${word}'`).join(' ');
  const path = join(folder, 'docker');
  writeFileSync(path, `#!/bin/sh\nif [ "$1" = ps ]; then echo broker; else exec ${run} "$@"; fi\n`);
  chmodSync(path, 0o755);
  return folder;
}

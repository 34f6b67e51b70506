/** What a scenario needs besides load: topics, end offsets, the certainty that partitions are ready. */
import { Connection } from './connection.ts';
import {
  apiVersionsRequest,
  createTopicRequest,
  deleteTopicRequest,
  endOffsetsRequest,
} from './frames.ts';
import type { Target } from './targets.ts';

const RESPONSE_BYTES_MAX = 4 << 20;
/** Apache Kafka takes its time for a thousand partitions. */
const READY_ATTEMPTS = 1000;
const READY_PAUSE_MS = 100;

/** Opens a connection for control requests. The first request tells the broker that we speak Kafka. */
export async function openControl(target: Target): Promise<Connection> {
  const connection = await Connection.open(target.host, target.port, RESPONSE_BYTES_MAX);
  await connection.call(apiVersionsRequest());
  return connection;
}

/** Opens a connection for load. */
export async function openLoad(
  target: Target,
  headBytes: number,
  readBytes?: number,
): Promise<Connection> {
  const connection = await Connection.open(
    target.host,
    target.port,
    Math.max(headBytes, 1024),
    readBytes,
  );
  await new Promise<void>((resolve, reject) => {
    connection.onFailure = reject;
    connection.handler = { onResponse: () => resolve(), onBurst: () => {} };
    connection.socket.write(apiVersionsRequest());
  });
  return connection;
}

/** Creates the topic and waits until every partition answers. */
export async function createTopic(
  target: Target,
  topic: string,
  partitions: number,
): Promise<void> {
  const control = await openControl(target);
  try {
    const created = await control.call(createTopicRequest(topic, partitions));
    // correlation id, throttle time, array of one, name, error code
    const error = created.readInt16BE(4 + 4 + 4 + 2 + Buffer.byteLength(topic));
    if (error !== 0) throw new Error(`the broker refused to create ${topic}: error ${error}`);
    for (let attempt = 1; ; attempt += 1) {
      const offsets = await readEndOffsets(control, topic, partitions);
      if (offsets.every((offset) => offset >= 0)) return;
      if (attempt === READY_ATTEMPTS) throw new Error(`the partitions of ${topic} never got ready`);
      await new Promise((resolve) => setTimeout(resolve, READY_PAUSE_MS));
    }
  } finally {
    control.close();
  }
}

export async function deleteTopic(target: Target, topic: string): Promise<void> {
  const control = await openControl(target);
  await control.call(deleteTopicRequest(topic));
  control.close();
}

/** The offset after the last record of every partition. */
export async function endOffsets(
  target: Target,
  topic: string,
  partitions: number,
): Promise<number[]> {
  const control = await openControl(target);
  const offsets = await readEndOffsets(control, topic, partitions);
  control.close();
  return offsets;
}

async function readEndOffsets(
  control: Connection,
  topic: string,
  partitions: number,
): Promise<number[]> {
  const response = await control.call(endOffsetsRequest(topic, partitions));
  const offsets = new Array<number>(partitions).fill(-1);
  let at = 4 + 4 + 2 + Buffer.byteLength(topic) + 4;
  for (let i = 0; i < partitions; i += 1, at += 22) {
    if (response.readInt16BE(at + 4) !== 0) continue;
    offsets[response.readInt32BE(at)] = Number(response.readBigInt64BE(at + 14));
  }
  return offsets;
}

/** Reads whole topics, from their start to their end, into the history. */
import { randomUUID } from 'node:crypto';
import type { Drain, History } from '../../../checker/history.ts';
import { decodeValue } from '../values.ts';
import { logName } from './consumer.ts';
import { kafkajs } from './producer.ts';

const QUIET_MS_MAX = 20_000;

export async function drainTopics(
  port: number,
  topics: readonly string[],
  history: History,
): Promise<void> {
  const drains = await findEnds(port, topics);
  const open = new Set([...drains.values()].filter((each) => each.endOffset > each.startOffset));
  if (open.size > 0) await readAll(port, topics, drains, open);
  for (const drain of drains.values()) history.drained(drain);
}

async function findEnds(port: number, topics: readonly string[]): Promise<Map<string, Drain>> {
  const admin = kafkajs(port, 'drain-admin').admin();
  await admin.connect();
  const drains = new Map<string, Drain>();
  for (const topic of topics) {
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
      const log = logName(topic, partition);
      const [startOffset, endOffset] = [Number(low), Number(high)];
      drains.set(log, { log, startOffset, endOffset, offsets: [], values: [] });
    }
  }
  await admin.disconnect();
  return drains;
}

async function readAll(
  port: number,
  topics: readonly string[],
  drains: ReadonlyMap<string, Drain>,
  open: Set<Drain>,
): Promise<void> {
  const consumer = kafkajs(port, 'drain').consumer({ groupId: `drain-${randomUUID()}` });
  let progressAt = Date.now();
  let finish!: () => void;
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [...topics], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ topic, partition, message }) => {
      const drain = drains.get(logName(topic, partition));
      if (!drain) return;
      progressAt = Date.now();
      drain.offsets.push(Number(message.offset));
      drain.values.push(decodeValue(message.value));
      if (Number(message.offset) + 1 >= drain.endOffset) open.delete(drain);
      if (open.size === 0) finish();
    },
  });
  // What cannot be read to its end is a finding (a gap), so the checker must get to see it.
  const watch = setInterval(() => {
    if (Date.now() - progressAt > QUIET_MS_MAX) finish();
  }, 200);
  await finished;
  clearInterval(watch);
  await consumer.disconnect();
}

/** Looks at what a group has not committed yet, without taking part in it. */
import type { TopicRecord } from '../../message/wire-message.ts';
import { committedOrStart } from './group-reader.ts';
import { endOffsets } from './offsets.ts';
import { Reader } from './reader.ts';
import type { Wire } from './wire.ts';

export interface PeekRequest {
  readonly topics: readonly string[];
  readonly group: string;
  readonly max: number;
  readonly isWaiting: (topic: string, partition: number, offset: number) => boolean;
}

interface Part {
  readonly end: number;
  readonly records: TopicRecord[];
}

/** Up to `max` of them, the oldest first. */
export async function peekRecords(wire: Wire, request: PeekRequest): Promise<TopicRecord[]> {
  const { topics, group, max, isWaiting } = request;
  const parts = new Map<string, Part>();
  const starts: [topic: string, partition: number, offset: number][] = [];
  for (const topic of topics) {
    const ends = await endOffsets(wire, topic);
    const positions = await committedOrStart(wire, group, topic, [...ends.keys()]);
    for (const [partition, end] of ends) {
      const position = positions.get(partition) ?? end;
      if (position >= end) continue;
      parts.set(`${topic}:${partition}`, { end, records: [] });
      starts.push([topic, partition, position]);
    }
  }
  await readParts(wire, starts, parts, { max, isWaiting });
  const all = [...parts.values()].flatMap(({ records }) => records);
  return all.sort((a, b) => a.timestampMs - b.timestampMs).slice(0, max);
}

async function readParts(
  wire: Wire,
  starts: readonly (readonly [string, number, number])[],
  parts: ReadonlyMap<string, Part>,
  { max, isWaiting }: Pick<PeekRequest, 'max' | 'isWaiting'>,
): Promise<void> {
  if (starts.length === 0) return;
  let open = starts.length;
  await new Promise<void>((resolve, reject) => {
    const reader: Reader = new Reader(wire.another(), {
      deliver: (topic, records) => {
        const { partition } = records[0]!;
        const part = parts.get(`${topic}:${partition}`)!;
        for (const record of records) {
          if (record.offset >= part.end || part.records.length >= max) break;
          if (isWaiting(topic, partition, record.offset)) part.records.push(record);
        }
        const last = records.at(-1)!.offset + 1;
        if (last < part.end && part.records.length < max) return;
        reader.remove(topic, partition);
        open -= 1;
        if (open === 0) finish();
      },
      failed: (_, error) => {
        void reader.close();
        timer.cancel();
        reject(error);
      },
    });
    const finish = (): void => {
      timer.cancel();
      void reader.close().then(resolve, reject);
    };
    // Control records at the end are never delivered, so what there is after a while is the answer.
    const timer = wire.options.clock.after(Math.min(2_000, wire.options.timeoutMs), finish);
    for (const [topic, partition, position] of starts) reader.add(topic, partition, position);
  });
}

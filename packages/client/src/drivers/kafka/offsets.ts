/** Offsets of a topic's partitions: its ends, and where a position begins. */
import type { Position } from '../../driver/driver.ts';
import { PolymqError } from '../../errors.ts';
import type { Wire } from './wire.ts';

const LATEST = -1n;
const EARLIEST = -2n;

interface ListOffsetsAnswer {
  readonly topics: readonly {
    readonly partitions: readonly { readonly partitionIndex: number; readonly offset: bigint }[];
  }[];
}

/** Offset per partition. */
export type Offsets = ReadonlyMap<number, number>;

/** How many partitions the topic has now. `not-found`. */
export async function partitionCount(wire: Wire, topic: string): Promise<number> {
  const what = `look up "${topic}"`;
  const metadata = await wire.retry(what, () => wire.metadata([topic], true));
  return metadata.topics.get(topic)!.partitionsCount;
}

/** Where the position is in each partition. Missing `partitions`: all of them. */
export async function resolvePosition(
  wire: Wire,
  topic: string,
  from: Position,
  partitions?: readonly number[],
): Promise<Map<number, number>> {
  if (from.at === 'time') return offsetsOfTime(wire, topic, from.timeMs, partitions);
  if (from.at !== 'offsets') {
    return listOffsets(wire, topic, from.at === 'new' ? LATEST : EARLIEST, partitions);
  }
  const { offsets } = from;
  const starts = await listOffsets(wire, topic, EARLIEST, partitions);
  for (const [partition] of starts) {
    const wanted = typeof offsets === 'number' ? offsets : offsets.get(partition);
    if (wanted !== undefined) starts.set(partition, checkedOffset(wanted));
  }
  return starts;
}

function checkedOffset(offset: number): number {
  if (Number.isSafeInteger(offset) && offset >= 0) return offset;
  throw new PolymqError('invalid-argument', `${offset} is no offset; give an integer from 0 on`);
}

async function offsetsOfTime(
  wire: Wire,
  topic: string,
  timeMs: number,
  partitions?: readonly number[],
): Promise<Map<number, number>> {
  const found = await listOffsets(wire, topic, BigInt(Math.trunc(timeMs)), partitions);
  const none = [...found].filter(([, offset]) => offset < 0).map(([partition]) => partition);
  if (none.length === 0) return found;
  const ends = await listOffsets(wire, topic, LATEST, none);
  for (const [partition, offset] of ends) found.set(partition, offset);
  return found;
}

/** The end of each partition: the offset of the next record. */
export function endOffsets(wire: Wire, topic: string): Promise<Map<number, number>> {
  return listOffsets(wire, topic, LATEST);
}

/** The oldest record kept in each partition. */
export function startOffsets(wire: Wire, topic: string): Promise<Map<number, number>> {
  return listOffsets(wire, topic, EARLIEST);
}

function listOffsets(
  wire: Wire,
  topic: string,
  timestamp: bigint,
  partitions?: readonly number[],
): Promise<Map<number, number>> {
  return wire.retry(`look up offsets of "${topic}"`, async () => {
    const metadata = await wire.metadata([topic], true);
    const byLeader = new Map<number, number[]>();
    for (const [index, { leader }] of metadata.topics.get(topic)!.partitions.entries()) {
      if (partitions !== undefined && !partitions.includes(index)) continue;
      const group = byLeader.get(leader);
      if (group === undefined) byLeader.set(leader, [index]);
      else group.push(index);
    }
    const found = new Map<number, number>();
    for (const [leader, indexes] of byLeader) {
      const asked = indexes.map((partitionIndex) => ({
        partitionIndex,
        currentLeaderEpoch: -1,
        timestamp,
      }));
      const args = [-1, wire.options.library.FetchIsolationLevels.READ_COMMITTED];
      const answer = await wire.call<ListOffsetsAnswer>('ListOffsets', leader, [
        ...args,
        [{ name: topic, partitions: asked }],
      ]);
      for (const { partitionIndex, offset } of answer.topics[0]?.partitions ?? []) {
        found.set(partitionIndex, Number(offset));
      }
    }
    return found;
  });
}

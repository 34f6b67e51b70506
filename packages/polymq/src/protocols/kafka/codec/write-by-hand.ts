/**
 * Writes Produce and Fetch responses without a closure per field, because they are the ones with many
 * partitions in each and many of them in a second. They say what the tables in `schema/00-produce.ts` and
 * `schema/01-fetch.ts` say, for every version; a test compares them with the writers that are compiled
 * from the tables. Tagged fields, which are rare, are left to those.
 */
import type { Writer } from '../../../lib/bytes/writer.ts';
import { produce } from '../schema/00-produce.ts';
import { fetch } from '../schema/01-fetch.ts';
import { compileTags, type WriteOf } from './compile-write.ts';
import { type FieldPlan, planStruct, ZERO_UUID } from './plan.ts';
import type { ApiSpec, ResponseOf } from './spec.ts';
import {
  writeBytes,
  writeCompactBytes,
  writeCompactString,
  writeString,
  writeUuid,
} from './write-values.ts';

type ProduceResponse = ResponseOf<typeof produce>;
type ProducedTopic = ProduceResponse['responses'][number];
type ProducedPartition = ProducedTopic['partitionResponses'][number];
type FetchResponse = ResponseOf<typeof fetch>;
type FetchedTopic = FetchResponse['responses'][number];
type FetchedPartition = FetchedTopic['partitions'][number];
type AbortedTransactions = NonNullable<FetchedPartition['abortedTransactions']>;

type Tagged = WriteOf<Readonly<Record<string, unknown>>>;
const FIRST_FLEXIBLE_PRODUCE = 9;
const FIRST_FLEXIBLE_FETCH = 12;

export function writeProduceResponse(
  writer: Writer,
  version: number,
  response: ProduceResponse,
): void {
  const isFlexible = version >= FIRST_FLEXIBLE_PRODUCE;
  writeCount(writer, isFlexible, response.responses.length);
  for (const topic of response.responses) {
    if (isFlexible) writeCompactString(writer, topic.name);
    else writeString(writer, topic.name);
    writeCount(writer, isFlexible, topic.partitionResponses.length);
    for (const partition of topic.partitionResponses) {
      writeProducedPartition(writer, version, isFlexible, partition);
    }
    if (isFlexible) writer.uvarint(0);
  }
  if (version >= 1) writer.int32(response.throttleTimeMs ?? 0);
  if (isFlexible) writeTags(writer, produceTags(version), response, response.nodeEndpoints);
}

function writeProducedPartition(
  writer: Writer,
  version: number,
  isFlexible: boolean,
  partition: ProducedPartition,
): void {
  writer.int32(partition.index);
  writer.int16(partition.errorCode);
  writer.int64(partition.baseOffset);
  if (version >= 2) writer.int64(partition.logAppendTimeMs ?? -1);
  if (version >= 5) writer.int64(partition.logStartOffset ?? -1);
  if (version >= 8) {
    const recordErrors = partition.recordErrors ?? [];
    writeCount(writer, isFlexible, recordErrors.length);
    for (const { batchIndex, batchIndexErrorMessage } of recordErrors) {
      writer.int32(batchIndex);
      writeText(writer, isFlexible, batchIndexErrorMessage ?? null);
      if (isFlexible) writer.uvarint(0);
    }
    writeText(writer, isFlexible, partition.errorMessage ?? null);
  }
  if (isFlexible) {
    writeTags(writer, producedPartitionTags(version), partition, partition.currentLeader);
  }
}

export function writeFetchResponse(writer: Writer, version: number, response: FetchResponse): void {
  const isFlexible = version >= FIRST_FLEXIBLE_FETCH;
  writer.int32(response.throttleTimeMs);
  if (version >= 7) {
    writer.int16(response.errorCode ?? 0);
    writer.int32(response.sessionId ?? 0);
  }
  writeCount(writer, isFlexible, response.responses.length);
  for (const topic of response.responses) {
    if (version >= 13) writeUuid(writer, topic.topicId ?? ZERO_UUID);
    else writeText(writer, isFlexible, topic.topic ?? '');
    writeCount(writer, isFlexible, topic.partitions.length);
    for (const partition of topic.partitions) {
      writeFetchedPartition(writer, version, isFlexible, partition);
    }
    if (isFlexible) writer.uvarint(0);
  }
  if (isFlexible) writeTags(writer, fetchTags(version), response, response.nodeEndpoints);
}

function writeFetchedPartition(
  writer: Writer,
  version: number,
  isFlexible: boolean,
  partition: FetchedPartition,
): void {
  writer.int32(partition.partitionIndex);
  writer.int16(partition.errorCode);
  writer.int64(partition.highWatermark);
  writer.int64(partition.lastStableOffset ?? -1);
  if (version >= 5) writer.int64(partition.logStartOffset ?? -1);
  writeAborted(writer, isFlexible, partition.abortedTransactions);
  if (version >= 11) writer.int32(partition.preferredReadReplica ?? -1);
  if (isFlexible) writeCompactBytes(writer, partition.records);
  else writeBytes(writer, partition.records);
  if (isFlexible) {
    const { divergingEpoch, currentLeader, snapshotId } = partition;
    const anyTagged = divergingEpoch ?? currentLeader ?? snapshotId;
    writeTags(writer, fetchedPartitionTags(version), partition, anyTagged);
  }
}

function writeAborted(
  writer: Writer,
  isFlexible: boolean,
  transactions: AbortedTransactions | null,
): void {
  if (transactions === null) {
    writeCount(writer, isFlexible, -1);
    return;
  }
  writeCount(writer, isFlexible, transactions.length);
  for (const { producerId, firstOffset } of transactions) {
    writer.int64(producerId);
    writer.int64(firstOffset);
    if (isFlexible) writer.uvarint(0);
  }
}

/** -1 stands for null. */
function writeCount(writer: Writer, isFlexible: boolean, count: number): void {
  if (isFlexible) writer.uvarint(count + 1);
  else writer.int32(count);
}

function writeText(writer: Writer, isFlexible: boolean, value: string | null): void {
  if (isFlexible) writeCompactString(writer, value);
  else writeString(writer, value);
}

/** `given` is any one of the tagged fields: when there is none, there is nothing to look at. */
function writeTags<Struct extends object>(
  writer: Writer,
  writeTagged: Tagged,
  struct: Struct,
  given: unknown,
): void {
  if (given === undefined) writer.uvarint(0);
  else writeTagged(writer, struct as Readonly<Record<string, unknown>>);
}

/** Gives the compiled writer of the tagged fields of the struct that `path` leads to, by version. */
function tagsOf(api: ApiSpec, path: readonly string[]): (version: number) => Tagged {
  const range = { since: api.versions[0], until: api.versions[1] };
  let fields: readonly FieldPlan[] = planStruct(api.response, range);
  for (const name of path) fields = fields.find((field) => field.name === name)?.fields ?? [];
  const byVersion: Tagged[] = [];
  return (version) => {
    byVersion[version] ??= compileTags(fields, { version, isFlexible: true });
    return byVersion[version];
  };
}

const produceTags = tagsOf(produce, []);
const producedPartitionTags = tagsOf(produce, ['responses', 'partitionResponses']);
const fetchTags = tagsOf(fetch, []);
const fetchedPartitionTags = tagsOf(fetch, ['responses', 'partitions']);

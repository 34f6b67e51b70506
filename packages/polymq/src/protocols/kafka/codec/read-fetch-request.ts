/**
 * Reads Fetch requests without a closure per field, because a busy broker reads more of them than of
 * anything else, with many partitions in each. It does what the table in `schema/01-fetch.ts` says for
 * every version; a test compares it with the reader that is compiled from the table.
 *
 *                                        versions
 *   max wait, min bytes, max bytes       all          the replica id is in front up to 14
 *   isolation level                      all
 *   session id, session epoch            7+
 *   topics: name | id                    up to 12 | 13+
 *     partition                          all
 *     current leader epoch               9+
 *     fetch offset                       all
 *     last fetched epoch                 12+
 *     log start offset                   5+
 *     max bytes                          all
 *     tag 0, replica directory id        17+
 *   forgotten topics                     7+
 *   rack id                              11+
 *   tag 0 cluster id, tag 1 replica      12+, 15+
 */
import type { Reader } from '../../../lib/bytes/reader.ts';
import type { fetch } from '../schema/01-fetch.ts';
import { ZERO_UUID } from './plan.ts';
import {
  hasNoTags,
  readArrayCount,
  readCompactArrayCount,
  readCompactNullableString,
  readCompactString,
  readString,
  readTags,
  readUuid,
  skipTags,
} from './read-values.ts';
import type { RequestOf } from './spec.ts';

type FetchRequest = RequestOf<typeof fetch>;
type Topic = FetchRequest['topics'][number];
type Partition = Topic['partitions'][number];
type ForgottenTopic = FetchRequest['forgottenTopicsData'][number];
type ReplicaState = FetchRequest['replicaState'];

const NO_REPLICA: ReplicaState = Object.freeze({ replicaId: -1, replicaEpoch: -1 });
const NONE_FORGOTTEN: readonly ForgottenTopic[] = Object.freeze([]);

export function readFetchRequest(reader: Reader, version: number): FetchRequest {
  const replicaId = version <= 14 ? reader.int32() : -1;
  const maxWaitMs = reader.int32();
  const minBytes = reader.int32();
  const maxBytes = reader.int32();
  const isolationLevel = reader.int8();
  const sessionId = version >= 7 ? reader.int32() : 0;
  const sessionEpoch = version >= 7 ? reader.int32() : -1;
  const topics = readTopics(reader, version);
  const forgottenTopicsData = version >= 7 ? readForgotten(reader, version) : NONE_FORGOTTEN;
  const rackId =
    version >= 12 ? readCompactString(reader) : version === 11 ? readString(reader) : '';
  const tagged = { clusterId: null as string | null, replicaState: NO_REPLICA };
  if (version >= 12 && !hasNoTags(reader)) readFetchTags(reader, version, tagged);
  return {
    clusterId: tagged.clusterId,
    replicaId,
    replicaState: tagged.replicaState,
    maxWaitMs,
    minBytes,
    maxBytes,
    isolationLevel,
    sessionId,
    sessionEpoch,
    topics,
    forgottenTopicsData,
    rackId,
  };
}

function readFetchTags(
  reader: Reader,
  version: number,
  tagged: { clusterId: string | null; replicaState: ReplicaState },
): void {
  readTags(reader, (tag) => {
    if (tag === 0) tagged.clusterId = readCompactNullableString(reader);
    else if (tag === 1 && version >= 15) tagged.replicaState = readReplicaState(reader);
    else return false;
    return true;
  });
}

function readReplicaState(reader: Reader): ReplicaState {
  const state = { replicaId: reader.int32(), replicaEpoch: reader.int64() };
  skipTags(reader);
  return state;
}

function readTopics(reader: Reader, version: number): Topic[] {
  const count = readCount(reader, version, topicBytesMin(version));
  const topics: Topic[] = [];
  for (let index = 0; index < count; index++) {
    const topic = readTopicName(reader, version);
    const topicId = version >= 13 ? readUuid(reader) : ZERO_UUID;
    const partitions = readPartitions(reader, version);
    if (version >= 12) skipTags(reader);
    topics.push({ topic, topicId, partitions });
  }
  return topics;
}

function readPartitions(reader: Reader, version: number): Partition[] {
  const count = readCount(reader, version, partitionBytesMin(version));
  const partitions: Partition[] = [];
  for (let index = 0; index < count; index++) {
    const partition = reader.int32();
    const currentLeaderEpoch = version >= 9 ? reader.int32() : -1;
    const fetchOffset = reader.int64();
    const lastFetchedEpoch = version >= 12 ? reader.int32() : -1;
    const logStartOffset = version >= 5 ? reader.int64() : -1;
    const partitionMaxBytes = reader.int32();
    let replicaDirectoryId = ZERO_UUID;
    if (version >= 17) replicaDirectoryId = readDirectoryId(reader);
    else if (version >= 12) skipTags(reader);
    partitions.push({
      partition,
      currentLeaderEpoch,
      fetchOffset,
      lastFetchedEpoch,
      logStartOffset,
      partitionMaxBytes,
      replicaDirectoryId,
    });
  }
  return partitions;
}

function readDirectoryId(reader: Reader): string {
  if (hasNoTags(reader)) return ZERO_UUID;
  let id = ZERO_UUID;
  readTags(reader, (tag) => {
    if (tag !== 0) return false;
    id = readUuid(reader);
    return true;
  });
  return id;
}

function readForgotten(reader: Reader, version: number): ForgottenTopic[] {
  const count = readCount(reader, version, topicBytesMin(version));
  const topics: ForgottenTopic[] = [];
  for (let index = 0; index < count; index++) {
    const topic = readTopicName(reader, version);
    const topicId = version >= 13 ? readUuid(reader) : ZERO_UUID;
    const partitionCount = readCount(reader, version, 4);
    const partitions: number[] = [];
    for (let at = 0; at < partitionCount; at++) partitions.push(reader.int32());
    if (version >= 12) skipTags(reader);
    topics.push({ topic, topicId, partitions });
  }
  return topics;
}

function readTopicName(reader: Reader, version: number): string {
  if (version >= 13) return '';
  return version === 12 ? readCompactString(reader) : readString(reader);
}

function readCount(reader: Reader, version: number, elementBytesMin: number): number {
  const count =
    version >= 12
      ? readCompactArrayCount(reader, elementBytesMin)
      : readArrayCount(reader, elementBytesMin);
  return count < 0 ? reader.fail('null in place of an array') : count;
}

/** A topic without partitions: name or id, count, tags. */
function topicBytesMin(version: number): number {
  if (version >= 13) return 18;
  return version === 12 ? 3 : 6;
}

function partitionBytesMin(version: number): number {
  if (version >= 12) return 33;
  if (version >= 9) return 28;
  return version >= 5 ? 24 : 16;
}

/**
 * Reads Produce requests without a closure per field, for the same reason and with the same test as
 * `read-fetch-request.ts`; the table is `schema/00-produce.ts`. Versions differ little: the transactional
 * id comes with version 3, compact lengths and tags with 9. Records share memory with the request.
 */
import type { Reader } from '../../../lib/bytes/reader.ts';
import type { produce } from '../schema/00-produce.ts';
import {
  readArrayCount,
  readCompactArrayCount,
  readCompactNullableBytes,
  readCompactNullableString,
  readCompactString,
  readNullableBytes,
  readNullableString,
  readString,
  skipTags,
} from './read-values.ts';
import type { RequestOf } from './spec.ts';

type ProduceRequest = RequestOf<typeof produce>;
type Topic = ProduceRequest['topicData'][number];
type Partition = Topic['partitionData'][number];

export function readProduceRequest(reader: Reader, version: number): ProduceRequest {
  return version >= 9 ? readCompactRequest(reader) : readClassicRequest(reader, version);
}

/** The fewest bytes of a topic (name, count) and of a partition (index, length of the records). */
const CLASSIC = { topicBytesMin: 6, partitionBytesMin: 8 };
/** The same with a byte of tags. */
const COMPACT = { topicBytesMin: 3, partitionBytesMin: 6 };

function readClassicRequest(reader: Reader, version: number): ProduceRequest {
  const transactionalId = version >= 3 ? readNullableString(reader) : null;
  const acks = reader.int16();
  const timeoutMs = reader.int32();
  const topicCount = present(reader, readArrayCount(reader, CLASSIC.topicBytesMin));
  const topicData: Topic[] = [];
  for (let index = 0; index < topicCount; index++) {
    const name = readString(reader);
    const count = present(reader, readArrayCount(reader, CLASSIC.partitionBytesMin));
    const partitionData: Partition[] = [];
    for (let at = 0; at < count; at++) {
      partitionData.push({ index: reader.int32(), records: readNullableBytes(reader) });
    }
    topicData.push({ name, partitionData });
  }
  return { transactionalId, acks, timeoutMs, topicData };
}

function readCompactRequest(reader: Reader): ProduceRequest {
  const transactionalId = readCompactNullableString(reader);
  const acks = reader.int16();
  const timeoutMs = reader.int32();
  const topicCount = present(reader, readCompactArrayCount(reader, COMPACT.topicBytesMin));
  const topicData: Topic[] = [];
  for (let index = 0; index < topicCount; index++) {
    const name = readCompactString(reader);
    const count = present(reader, readCompactArrayCount(reader, COMPACT.partitionBytesMin));
    const partitionData: Partition[] = [];
    for (let at = 0; at < count; at++) {
      partitionData.push({ index: reader.int32(), records: readCompactNullableBytes(reader) });
      skipTags(reader);
    }
    skipTags(reader);
    topicData.push({ name, partitionData });
  }
  skipTags(reader);
  return { transactionalId, acks, timeoutMs, topicData };
}

function present(reader: Reader, count: number): number {
  return count < 0 ? reader.fail('null in place of an array') : count;
}

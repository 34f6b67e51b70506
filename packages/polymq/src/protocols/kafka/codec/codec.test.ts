import { describe, expect, it } from 'vitest';
import { ProtocolError } from '../../../lib/bytes/protocol-error.ts';
import { produce } from '../schema/00-produce.ts';
import { fetch } from '../schema/01-fetch.ts';
import { metadata } from '../schema/03-metadata.ts';
import { joinGroup } from '../schema/11-join-group.ts';
import { heartbeat } from '../schema/12-heartbeat.ts';
import { createPartitions } from '../schema/37-create-partitions.ts';
import { offsetDelete } from '../schema/47-offset-delete.ts';
import { describeTopicPartitions } from '../schema/75-describe-topic-partitions.ts';
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from './codec.ts';
import { decodeRequestHeader } from './headers.ts';
import { APIS, apiByKey } from './registry.ts';
import type { ApiSpec, RequestInput, RequestOf, ResponseOf } from './spec.ts';

const HEADER = { correlationId: 1, clientId: null };

function roundTrip<Api extends ApiSpec>(
  api: Api,
  version: number,
  body: RequestInput<Api>,
): RequestOf<Api> {
  const frame = Buffer.concat(encodeRequest(api, version, HEADER, body)).subarray(4);
  return decodeRequest(api, version, frame, decodeRequestHeader(frame).bodyStart);
}

describe('a decoded request', () => {
  const join = {
    groupId: 'g',
    sessionTimeoutMs: 10,
    memberId: '',
    protocolType: 'consumer',
    protocols: [],
  };

  it('has every field, those that the version lacks with their defaults', () => {
    expect(roundTrip(joinGroup, 0, { ...join, rebalanceTimeoutMs: 5, reason: 'not sent' })).toEqual(
      {
        ...join,
        rebalanceTimeoutMs: -1,
        groupInstanceId: null,
        reason: null,
      },
    );
  });

  it('has the same shape in all versions, so that handlers meet one kind of object', () => {
    const shapes = [0, 5, 9].map((version) => Object.keys(roundTrip(joinGroup, version, join)));
    expect(new Set(shapes.map(String)).size).toBe(1);
  });

  it('shares its records with the frame', () => {
    const body = {
      acks: 1,
      timeoutMs: 0,
      topicData: [{ name: 't', partitionData: [{ index: 0, records: Buffer.from('batch') }] }],
    };
    const frame = Buffer.concat(encodeRequest(produce, 9, HEADER, body)).subarray(4);
    const { bodyStart } = decodeRequestHeader(frame);
    const request = decodeRequest(produce, 9, frame, bodyStart);
    const records = request.topicData[0]!.partitionData[0]!.records!;
    expect(records.buffer).toBe(frame.buffer);
    expect(records.toString()).toBe('batch');
  });

  it('may have a struct that is null', () => {
    const topics = [{ name: 'a' }];
    expect(roundTrip(describeTopicPartitions, 0, { topics }).cursor).toBeNull();
    const cursor = { topicName: 'a', partitionIndex: 4 };
    expect(roundTrip(describeTopicPartitions, 0, { topics, cursor }).cursor).toEqual(cursor);
  });

  it('leaves out tagged fields that it does not know', () => {
    const body = [2, 0x67, 0, 0, 0, 5, 2, 0x6d, 0, 2, 0, 1, 9, 200, 1, 3, 1, 2, 3];
    expect(decodeRequest(heartbeat, 4, Buffer.from(body), 0)).toEqual({
      groupId: 'g',
      generationId: 5,
      memberId: 'm',
      groupInstanceId: null,
    });
  });

  it.each([
    ['a null where none may be', heartbeat, 3, [0xff, 0xff]],
    ['a compact null where none may be', heartbeat, 4, [0]],
    ['a compact string above 32,767 bytes', heartbeat, 4, [0x81, 0x80, 0x02, ...Array(40_000)]],
    ['more elements than bytes', createPartitions, 0, [0x7f, 0xff, 0xff, 0xff, 0, 0]],
    ['a negative count', createPartitions, 0, [0xff, 0xff, 0xff, 0xfe, 0, 0]],
    ['a null array where none may be', createPartitions, 0, [0xff, 0xff, 0xff, 0xff, 0, 0]],
    ['bytes behind the end', heartbeat, 0, [0, 0, 0, 0, 0, 0, 0, 0, 1]],
    ['a tagged field beyond the end', heartbeat, 4, [1, 0, 0, 0, 0, 1, 0, 1, 9, 50, 1]],
  ])('is refused with the API and version for %s', (_what, api, version, bytes) => {
    const decode = () => decodeRequest(api, version, Buffer.from(bytes), 0);
    expect(decode).toThrow(ProtocolError);
    expect(decode).toThrow(`${api.name} v${version} request: `);
  });

  it('is refused when a known tagged field is shorter than its size says', () => {
    const body = { maxWaitMs: 0, minBytes: 0, topics: [], clusterId: 'ab' };
    const frame = Buffer.concat(encodeRequest(fetch, 12, HEADER, body)).subarray(4);
    const { bodyStart } = decodeRequestHeader(frame);
    // The last bytes are: one tagged field, number 0, size 3, length 2 + 1, "ab".
    frame.writeUInt8(2, frame.length - 3);
    expect(() => decodeRequest(fetch, 12, frame, bodyStart)).toThrow('tagged field 0 leaves 1');
  });

  it('may have 100,000 array elements in all, and not one more', () => {
    const topicsOf = (count: number) =>
      Array.from({ length: count }, () => ({ name: '', partitions: [{ partitionIndex: 0 }] }));
    const body = (count: number) => ({ groupId: '', topics: topicsOf(count) });
    expect(roundTrip(offsetDelete, 0, body(50_000)).topics).toHaveLength(50_000);
    expect(() => roundTrip(offsetDelete, 0, body(50_001))).toThrow('more are allowed');
  });

  it('is refused in a version that the table does not have', () => {
    expect(() => decodeRequest(heartbeat, 5, Buffer.alloc(20), 0)).toThrow(ProtocolError);
    expect(() => decodeRequest(heartbeat, -1, Buffer.alloc(20), 0)).toThrow(ProtocolError);
  });
});

describe('an encoded response', () => {
  it('takes records by reference, in one piece or several', () => {
    const pieces = [Buffer.alloc(5000, 1), Buffer.alloc(6000, 2)];
    const partition = { partitionIndex: 0, errorCode: 0, highWatermark: 2 };
    const body = {
      throttleTimeMs: 0,
      responses: [
        {
          topic: 't',
          partitions: [{ ...partition, abortedTransactions: null, records: pieces }],
        },
      ],
    };
    for (const version of [4, 12]) {
      const buffers = encodeResponse(fetch, version, 9, body);
      expect(buffers).toContain(pieces[0]);
      expect(buffers).toContain(pieces[1]);
      const { correlationId, body: read } = decodeResponse(
        fetch,
        version,
        Buffer.concat(buffers).subarray(4),
      );
      expect(correlationId).toBe(9);
      expect(read.responses[0]!.partitions[0]!.records).toEqual(Buffer.concat(pieces));
    }
  });

  it('leaves out tagged fields that say what is said without them', () => {
    const length = (currentLeader?: { leaderId?: number; leaderEpoch?: number }): number => {
      const partition = { index: 0, errorCode: 0, baseOffset: 0, currentLeader };
      const responses = [{ name: 't', partitionResponses: [partition] }];
      return Buffer.concat(encodeResponse(produce, 10, 1, { responses })).length;
    };
    expect(length({ leaderId: -1, leaderEpoch: -1 })).toBe(length());
    expect(length({ leaderId: 3 })).toBe(length() + 2 + 9);
  });

  it('cuts a text that is longer than the protocol can carry', () => {
    const errorMessage = 'é'.repeat(40_000);
    const results = [{ name: 'a', errorCode: 1, errorMessage }];
    for (const version of [0, 2]) {
      const buffers = encodeResponse(createPartitions, version, 1, { throttleTimeMs: 0, results });
      const frame = Buffer.concat(buffers).subarray(4);
      const read = decodeResponse(createPartitions, version, frame).body.results[0]!;
      expect(errorMessage.startsWith(read.errorMessage!)).toBe(true);
      expect(read.errorMessage!.length).toBeGreaterThan(10_000);
    }
  });

  it('is refused as a defect when it lacks a field or has a null that cannot be sent', () => {
    const lacking = { errorCode: 0, members: [] } as unknown as ResponseOf<typeof joinGroup>;
    expect(() => encodeResponse(joinGroup, 5, 1, lacking)).toThrow(
      'JoinGroup v5 response: field "protocolName" is not given',
    );
    const topic = { errorCode: 0, name: null, partitions: [] };
    const nameless = { brokers: [], topics: [topic] };
    expect(() => encodeResponse(metadata, 11, 1, nameless)).toThrow('"name" cannot be null');
    expect(encodeResponse(metadata, 12, 1, nameless)).toHaveLength(1);
    expect(() => encodeResponse(heartbeat, 5, 1, { errorCode: 0 })).toThrow(TypeError);
  });

  it('does not spoil the next one when it fails', () => {
    const bad = { errorCode: 99_999 };
    expect(() => encodeResponse(heartbeat, 1, 1, bad)).toThrow(TypeError);
    const frame = Buffer.concat(encodeResponse(heartbeat, 1, 2, { errorCode: 3 }));
    expect(frame.toString('hex')).toBe('0000000a00000002000000000003');
  });
});

describe('the registry', () => {
  it('finds each API by its key and no other', () => {
    for (const api of APIS) expect(apiByKey(api.key)).toBe(api);
    expect(apiByKey(999)).toBeUndefined();
    expect(apiByKey(-1)).toBeUndefined();
  });
});

/** Our codec against that of kafkajs, which is what its users send and read. */
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { decodeRequest, supports } from '../../../src/protocols/kafka/codec/codec.ts';
import { decodeRequestHeader } from '../../../src/protocols/kafka/codec/headers.ts';
import { API_BY_NAME } from '../../../src/protocols/kafka/codec/registry.ts';
import type { Body } from './arbitrary.ts';
import { encodeFrame } from './frames.ts';
import { fieldsOf, leavesOf, pick, sentinelBody } from './sentinel.ts';

interface Protocol {
  request: { apiKey: number; apiVersion: number; encode: () => Promise<{ buffer: Buffer }> };
  response: { decode: (body: Buffer) => Promise<unknown> };
}
interface Definition {
  versions: string[];
  protocol: (version: { version: string }) => (options: unknown) => Protocol;
}

const require = createRequire(import.meta.url);
const encodeRequest = require('kafkajs/src/protocol/request');
const definitionOf = (folder: string): Definition =>
  require(`kafkajs/src/protocol/requests/${folder}`);

const at = (partition: number) => ({ partition });

/** What is given to kafkajs, and what our decoder must read. */
const REQUESTS: { folder: string; api: string; given: unknown; read: Body }[] = [
  {
    folder: 'produce',
    api: 'Produce',
    given: {
      acks: -1,
      timeout: 31_000,
      transactionalId: 'tx',
      producerId: 77,
      producerEpoch: 3,
      topicData: [
        {
          topic: 'orders',
          partitions: [{ partition: 2, firstSequence: 0, messages: [{ key: 'k', value: 'v' }] }],
        },
      ],
    },
    read: {
      transactionalId: 'tx',
      acks: -1,
      timeoutMs: 31_000,
      topicData: [{ name: 'orders', partitionData: [{ index: 2, records: expect.any(Buffer) }] }],
    },
  },
  {
    folder: 'fetch',
    api: 'Fetch',
    given: {
      replicaId: -1,
      maxWaitTime: 5_000,
      minBytes: 1,
      maxBytes: 10_485_760,
      isolationLevel: 1,
      sessionId: 12,
      sessionEpoch: 4,
      rackId: 'rack-a',
      forgottenTopics: [{ topic: 'old', partitions: [1, 2] }],
      topics: [
        {
          topic: 'orders',
          partitions: [
            {
              partition: 5,
              currentLeaderEpoch: 9,
              fetchOffset: 123_456_789_012,
              maxBytes: 1_048_576,
            },
          ],
        },
      ],
    },
    read: {
      replicaId: -1,
      maxWaitMs: 5_000,
      minBytes: 1,
      maxBytes: 10_485_760,
      isolationLevel: 1,
      sessionId: 12,
      sessionEpoch: 4,
      rackId: 'rack-a',
      forgottenTopicsData: [{ topic: 'old', partitions: [1, 2] }],
      topics: [
        {
          topic: 'orders',
          partitions: [
            {
              partition: 5,
              currentLeaderEpoch: 9,
              fetchOffset: 123_456_789_012,
              logStartOffset: -1,
              partitionMaxBytes: 1_048_576,
            },
          ],
        },
      ],
    },
  },
  {
    folder: 'listOffsets',
    api: 'ListOffsets',
    given: {
      isolationLevel: 0,
      topics: [{ topic: 'orders', partitions: [{ partition: 3, timestamp: -2 }] }],
    },
    read: {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: 'orders', partitions: [{ partitionIndex: 3, timestamp: -2 }] }],
    },
  },
  {
    folder: 'metadata',
    api: 'Metadata',
    given: { topics: ['a', 'b'], allowAutoTopicCreation: false },
    read: { topics: [{ name: 'a' }, { name: 'b' }], allowAutoTopicCreation: false },
  },
  {
    folder: 'offsetCommit',
    api: 'OffsetCommit',
    given: {
      groupId: 'g',
      groupGenerationId: 7,
      memberId: 'm',
      retentionTime: 86_400_000,
      topics: [{ topic: 'orders', partitions: [{ partition: 1, offset: '42', metadata: 'note' }] }],
    },
    read: {
      groupId: 'g',
      generationIdOrMemberEpoch: 7,
      memberId: 'm',
      retentionTimeMs: 86_400_000,
      topics: [
        {
          name: 'orders',
          partitions: [{ partitionIndex: 1, committedOffset: 42, committedMetadata: 'note' }],
        },
      ],
    },
  },
  {
    folder: 'offsetFetch',
    api: 'OffsetFetch',
    given: { groupId: 'g', topics: [{ topic: 'orders', partitions: [at(0), at(4)] }] },
    read: { groupId: 'g', topics: [{ name: 'orders', partitionIndexes: [0, 4] }] },
  },
  {
    folder: 'findCoordinator',
    api: 'FindCoordinator',
    given: { groupId: 'g', coordinatorType: 1 },
    read: { key: 'g', keyType: 1 },
  },
  {
    folder: 'joinGroup',
    api: 'JoinGroup',
    given: {
      groupId: 'g',
      sessionTimeout: 30_000,
      rebalanceTimeout: 60_000,
      memberId: '',
      groupInstanceId: 'static-1',
      protocolType: 'consumer',
      groupProtocols: [{ name: 'RoundRobin', metadata: Buffer.from('meta') }],
    },
    read: {
      groupId: 'g',
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 60_000,
      memberId: '',
      groupInstanceId: 'static-1',
      protocolType: 'consumer',
      protocols: [{ name: 'RoundRobin', metadata: Buffer.from('meta') }],
    },
  },
  {
    folder: 'heartbeat',
    api: 'Heartbeat',
    given: { groupId: 'g', groupGenerationId: 8, memberId: 'm', groupInstanceId: 'static-1' },
    read: { groupId: 'g', generationId: 8, memberId: 'm', groupInstanceId: 'static-1' },
  },
  {
    folder: 'leaveGroup',
    api: 'LeaveGroup',
    given: { groupId: 'g', memberId: 'm', groupInstanceId: 'static-1' },
    read: {
      groupId: 'g',
      memberId: 'm',
      members: [{ memberId: 'm', groupInstanceId: 'static-1' }],
    },
  },
  {
    folder: 'syncGroup',
    api: 'SyncGroup',
    given: {
      groupId: 'g',
      generationId: 8,
      memberId: 'm',
      groupInstanceId: 'static-1',
      groupAssignment: [{ memberId: 'm', memberAssignment: Buffer.from('mine') }],
    },
    read: {
      groupId: 'g',
      generationId: 8,
      memberId: 'm',
      groupInstanceId: 'static-1',
      assignments: [{ memberId: 'm', assignment: Buffer.from('mine') }],
    },
  },
  {
    folder: 'describeGroups',
    api: 'DescribeGroups',
    given: { groupIds: ['a', 'b'] },
    read: { groups: ['a', 'b'] },
  },
  { folder: 'listGroups', api: 'ListGroups', given: {}, read: {} },
  { folder: 'apiVersions', api: 'ApiVersions', given: {}, read: {} },
  {
    folder: 'createTopics',
    api: 'CreateTopics',
    given: {
      validateOnly: true,
      timeout: 5_000,
      topics: [
        {
          topic: 'new',
          numPartitions: 6,
          replicationFactor: 1,
          replicaAssignment: [{ partition: 0, replicas: [1, 2] }],
          configEntries: [{ name: 'retention.ms', value: '1000' }],
        },
      ],
    },
    read: {
      validateOnly: true,
      timeoutMs: 5_000,
      topics: [
        {
          name: 'new',
          numPartitions: 6,
          replicationFactor: 1,
          assignments: [{ partitionIndex: 0, brokerIds: [1, 2] }],
          configs: [{ name: 'retention.ms', value: '1000' }],
        },
      ],
    },
  },
  {
    folder: 'deleteTopics',
    api: 'DeleteTopics',
    given: { topics: ['a', 'b'], timeout: 6_000 },
    read: { topicNames: ['a', 'b'], timeoutMs: 6_000 },
  },
  {
    folder: 'deleteRecords',
    api: 'DeleteRecords',
    given: {
      timeout: 7_000,
      topics: [{ topic: 'a', partitions: [{ partition: 3, offset: '-1' }] }],
    },
    read: {
      timeoutMs: 7_000,
      topics: [{ name: 'a', partitions: [{ partitionIndex: 3, offset: -1 }] }],
    },
  },
  {
    folder: 'initProducerId',
    api: 'InitProducerId',
    given: { transactionalId: 'tx', transactionTimeout: 9_000 },
    read: { transactionalId: 'tx', transactionTimeoutMs: 9_000 },
  },
  {
    folder: 'describeConfigs',
    api: 'DescribeConfigs',
    given: {
      includeSynonyms: true,
      resources: [{ type: 2, name: 'orders', configNames: ['cleanup.policy'] }],
    },
    read: {
      includeSynonyms: true,
      resources: [
        { resourceType: 2, resourceName: 'orders', configurationKeys: ['cleanup.policy'] },
      ],
    },
  },
  {
    folder: 'alterConfigs',
    api: 'AlterConfigs',
    given: {
      validateOnly: true,
      resources: [{ type: 2, name: 'orders', configEntries: [{ name: 'a', value: 'b' }] }],
    },
    read: {
      validateOnly: true,
      resources: [
        { resourceType: 2, resourceName: 'orders', configs: [{ name: 'a', value: 'b' }] },
      ],
    },
  },
  {
    folder: 'createPartitions',
    api: 'CreatePartitions',
    given: {
      validateOnly: true,
      timeout: 4_000,
      topicPartitions: [{ topic: 'orders', count: 9, assignments: [[1], [2]] }],
    },
    read: {
      validateOnly: true,
      timeoutMs: 4_000,
      topics: [{ name: 'orders', count: 9, assignments: [{ brokerIds: [1] }, { brokerIds: [2] }] }],
    },
  },
  {
    folder: 'deleteGroups',
    api: 'DeleteGroups',
    given: ['a', 'b'],
    read: { groupsNames: ['a', 'b'] },
  },
];

describe.each(REQUESTS)(
  'kafkajs and our codec agree on $api',
  ({ folder, api: name, given, read }) => {
    const api = API_BY_NAME.get(name)!;
    const definition = definitionOf(folder);
    const versions = definition.versions.filter((version) => supports(api, Number(version)));

    it.each(versions)('request v%s', async (version) => {
      const { request } = definition.protocol({ version })(given);
      const whole = await encodeRequest({
        correlationId: 0x1234_5678,
        clientId: 'a client',
        request,
      });
      const frame: Buffer = whole.buffer.subarray(4);
      const header = decodeRequestHeader(frame);
      expect(header).toMatchObject({
        apiKey: api.key,
        apiVersion: Number(version),
        correlationId: 0x1234_5678,
        clientId: 'a client',
      });
      const body = decodeRequest(api, header.apiVersion, frame, header.bodyStart) as Body;
      expect(body).toMatchObject(pick(fieldsOf(api, 'request'), header.apiVersion, read));
      expect(encodeFrame(api, 'request', header.apiVersion, body)).toEqual(frame);
    });

    it.each(versions)('response v%s', async (version) => {
      const { response } = definition.protocol({ version })(given);
      const sent = sentinelBody(api, 'response', Number(version));
      const frame = encodeFrame(api, 'response', Number(version), sent);
      const decoded = await response.decode(frame.subarray(4));
      expect(leavesOf(decoded).sort()).toEqual(leavesOf(sent).sort());
    });
  },
);

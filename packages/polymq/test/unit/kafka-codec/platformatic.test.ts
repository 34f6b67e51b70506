/** Our codec against that of @platformatic/kafka, which speaks the flexible versions. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { decodeRequest } from '../../../src/protocols/kafka/codec/codec.ts';
import { API_BY_NAME } from '../../../src/protocols/kafka/codec/registry.ts';
import type { Body } from './arbitrary.ts';
import { encodeFrame } from './frames.ts';
import { fieldsOf, leavesOf, pick, sentinelBody } from './sentinel.ts';

const folder = dirname(createRequire(import.meta.url).resolve('@platformatic/kafka'));
const importFrom = (path: string) => import(pathToFileURL(join(folder, path)).href);
const { Reader } = await importFrom('protocol/reader.js');
const { NumericMap } = await importFrom('utils.js');

const UUID = '0f0e0d0c-0b0a-4908-8706-050403020100';

interface Case {
  /** File in the package's `apis` folder, without the version. */
  file: string;
  api: string;
  versions: number[];
  /** The request in the words of the protocol, with 64-bit integers as bigint. */
  body: Body;
  /** What of it the package's encoder takes, in which order. */
  take: string[];
  /** When the encoder takes something else. */
  given?: (version: number) => unknown[];
  /** Versions of which the package reads the response wrongly, or not to its end. */
  misread?: number[];
  /** Versions of which the package writes more than the version has; Kafka reads past it. */
  overlong?: number[];
}

const CASES: Case[] = [
  {
    file: 'producer/produce',
    api: 'Produce',
    versions: [7, 8, 9, 10, 11],
    body: {
      transactionalId: 'tx',
      acks: -1,
      timeoutMs: 3_000,
      topicData: [{ name: 'orders', partitionData: [{ index: 2, records: expect.any(Buffer) }] }],
    },
    take: [],
    given: () => [
      -1,
      3_000,
      [{ topic: 'orders', partition: 2, key: Buffer.from('k'), value: Buffer.from('v') }],
      { transactionalId: 'tx', producerId: 5n, producerEpoch: 0, sequences: new NumericMap() },
    ],
  },
  {
    file: 'consumer/fetch',
    api: 'Fetch',
    versions: [12, 13, 14, 15, 16, 17],
    body: {
      maxWaitMs: 5_000,
      minBytes: 1,
      maxBytes: 10_485_760,
      isolationLevel: 1,
      sessionId: 12,
      sessionEpoch: 4,
      topics: [
        {
          topicId: UUID,
          partitions: [
            {
              partition: 3,
              currentLeaderEpoch: 6,
              fetchOffset: 123_456_789_012n,
              lastFetchedEpoch: 5,
              partitionMaxBytes: 1_048_576,
            },
          ],
        },
      ],
      forgottenTopicsData: [],
      rackId: 'rack-a',
    },
    take: [
      'maxWaitMs',
      'minBytes',
      'maxBytes',
      'isolationLevel',
      'sessionId',
      'sessionEpoch',
      'topics',
      'forgottenTopicsData',
      'rackId',
    ],
  },
  {
    file: 'consumer/list-offsets',
    api: 'ListOffsets',
    versions: [5, 6, 7, 8, 9],
    body: {
      replicaId: -1,
      isolationLevel: 1,
      topics: [
        {
          name: 'orders',
          partitions: [{ partitionIndex: 2, currentLeaderEpoch: 7, timestamp: -2n }],
        },
      ],
    },
    take: ['replicaId', 'isolationLevel', 'topics'],
  },
  {
    file: 'metadata/metadata',
    api: 'Metadata',
    versions: [9, 10, 11, 12],
    body: {
      topics: [{ name: 'a' }, { name: 'b' }],
      allowAutoTopicCreation: true,
      includeTopicAuthorizedOperations: expect.any(Boolean),
    },
    take: [],
    given: (version) => [['a', 'b'], true, version !== 11],
    misread: [9, 10],
    overlong: [11],
  },
  {
    file: 'metadata/metadata',
    api: 'Metadata',
    versions: [9, 12],
    body: { topics: null, allowAutoTopicCreation: false },
    take: ['topics', 'allowAutoTopicCreation'],
    misread: [9],
  },
  {
    file: 'consumer/offset-commit',
    api: 'OffsetCommit',
    versions: [8, 9],
    body: {
      groupId: 'g',
      generationIdOrMemberEpoch: 7,
      memberId: 'm',
      groupInstanceId: null,
      topics: [
        {
          name: 'orders',
          partitions: [
            {
              partitionIndex: 1,
              committedOffset: 42n,
              committedLeaderEpoch: -1,
              committedMetadata: 'note',
            },
          ],
        },
      ],
    },
    take: ['groupId', 'generationIdOrMemberEpoch', 'memberId', 'groupInstanceId', 'topics'],
  },
  {
    file: 'consumer/offset-fetch',
    api: 'OffsetFetch',
    versions: [8, 9],
    body: {
      groups: [
        {
          groupId: 'g',
          memberId: 'm',
          memberEpoch: 3,
          topics: [{ name: 'orders', partitionIndexes: [0, 4] }],
        },
      ],
      requireStable: true,
    },
    take: ['groups', 'requireStable'],
  },
  {
    file: 'metadata/find-coordinator',
    api: 'FindCoordinator',
    versions: [4, 5, 6],
    body: { keyType: 1, coordinatorKeys: ['g', 'h'] },
    take: ['keyType', 'coordinatorKeys'],
  },
  {
    file: 'consumer/join-group',
    api: 'JoinGroup',
    versions: [6, 7, 8, 9],
    body: {
      groupId: 'g',
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 60_000,
      memberId: 'm',
      groupInstanceId: 'static-1',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from('meta') }],
      reason: 'why not',
    },
    take: [
      'groupId',
      'sessionTimeoutMs',
      'rebalanceTimeoutMs',
      'memberId',
      'groupInstanceId',
      'protocolType',
      'protocols',
      'reason',
    ],
  },
  {
    file: 'consumer/heartbeat',
    api: 'Heartbeat',
    versions: [4],
    body: { groupId: 'g', generationId: 8, memberId: 'm', groupInstanceId: null },
    take: ['groupId', 'generationId', 'memberId', 'groupInstanceId'],
  },
  {
    file: 'consumer/leave-group',
    api: 'LeaveGroup',
    versions: [4, 5],
    body: {
      groupId: 'g',
      members: [{ memberId: 'm', groupInstanceId: 'static-1', reason: 'bye' }],
    },
    take: ['groupId', 'members'],
  },
  {
    file: 'consumer/sync-group',
    api: 'SyncGroup',
    versions: [4, 5],
    body: {
      groupId: 'g',
      generationId: 8,
      memberId: 'm',
      groupInstanceId: null,
      protocolType: 'consumer',
      protocolName: 'range',
      assignments: [{ memberId: 'm', assignment: Buffer.from('mine') }],
    },
    take: [
      'groupId',
      'generationId',
      'memberId',
      'groupInstanceId',
      'protocolType',
      'protocolName',
      'assignments',
    ],
  },
  {
    file: 'admin/describe-groups',
    api: 'DescribeGroups',
    versions: [5],
    body: { groups: ['a', 'b'], includeAuthorizedOperations: true },
    take: ['groups', 'includeAuthorizedOperations'],
  },
  {
    file: 'admin/list-groups',
    api: 'ListGroups',
    versions: [4, 5],
    body: { statesFilter: ['Stable'], typesFilter: ['classic'] },
    take: [],
    given: (version) => [[version === 4 ? 'STABLE' : 'Stable'], ['classic']],
  },
  {
    file: 'metadata/api-versions',
    api: 'ApiVersions',
    versions: [3, 4],
    body: { clientSoftwareName: 'platformatic', clientSoftwareVersion: '1.35.0' },
    take: ['clientSoftwareName', 'clientSoftwareVersion'],
  },
  {
    file: 'admin/create-topics',
    api: 'CreateTopics',
    versions: [7],
    body: {
      topics: [
        {
          name: 'new',
          numPartitions: 6,
          replicationFactor: 1,
          assignments: [{ partitionIndex: 0, brokerIds: [1, 2] }],
          configs: [{ name: 'retention.ms', value: '1000' }],
        },
      ],
      timeoutMs: 5_000,
      validateOnly: true,
    },
    take: ['topics', 'timeoutMs', 'validateOnly'],
  },
  {
    file: 'admin/delete-topics',
    api: 'DeleteTopics',
    versions: [6],
    body: { topics: [{ name: 'a', topicId: UUID }], timeoutMs: 6_000 },
    take: ['topics', 'timeoutMs'],
  },
  {
    file: 'admin/delete-records',
    api: 'DeleteRecords',
    versions: [2],
    body: {
      topics: [{ name: 'a', partitions: [{ partitionIndex: 3, offset: -1n }] }],
      timeoutMs: 7_000,
    },
    take: ['topics', 'timeoutMs'],
  },
  {
    file: 'producer/init-producer-id',
    api: 'InitProducerId',
    versions: [3, 4],
    body: {
      transactionalId: null,
      transactionTimeoutMs: 9_000,
      producerId: -1n,
      producerEpoch: -1,
    },
    take: ['transactionalId', 'transactionTimeoutMs', 'producerId', 'producerEpoch'],
  },
  {
    file: 'consumer/offset-for-leader-epoch',
    api: 'OffsetForLeaderEpoch',
    versions: [4],
    body: {
      replicaId: -1,
      topics: [
        { topic: 'orders', partitions: [{ partition: 1, currentLeaderEpoch: 5, leaderEpoch: 4 }] },
      ],
    },
    take: [],
    given: () => [
      -1,
      [
        {
          name: 'orders',
          partitions: [{ partitionIndex: 1, currentLeaderEpoch: 5, leaderEpoch: 4 }],
        },
      ],
    ],
    misread: [4],
  },
  {
    file: 'admin/describe-configs',
    api: 'DescribeConfigs',
    versions: [2, 3, 4],
    body: {
      resources: [
        { resourceType: 2, resourceName: 'orders', configurationKeys: ['cleanup.policy'] },
      ],
      includeSynonyms: true,
      includeDocumentation: true,
    },
    take: ['resources', 'includeSynonyms', 'includeDocumentation'],
    misread: [2],
    overlong: [2],
  },
  {
    file: 'admin/alter-configs',
    api: 'AlterConfigs',
    versions: [2],
    body: {
      resources: [
        { resourceType: 2, resourceName: 'orders', configs: [{ name: 'a', value: null }] },
      ],
      validateOnly: true,
    },
    take: ['resources', 'validateOnly'],
  },
  {
    file: 'admin/incremental-alter-configs',
    api: 'IncrementalAlterConfigs',
    versions: [1],
    body: {
      resources: [
        {
          resourceType: 2,
          resourceName: 'orders',
          configs: [{ name: 'a', configOperation: 1, value: 'b' }],
        },
      ],
      validateOnly: false,
    },
    take: ['resources', 'validateOnly'],
  },
  {
    file: 'admin/describe-log-dirs',
    api: 'DescribeLogDirs',
    versions: [2, 3, 4],
    body: { topics: [{ topic: 'orders', partitions: [0, 1] }] },
    take: [],
    given: () => [[{ name: 'orders', partitions: [0, 1] }]],
  },
  {
    file: 'admin/create-partitions',
    api: 'CreatePartitions',
    versions: [1, 2, 3],
    body: {
      topics: [{ name: 'orders', count: 9, assignments: [{ brokerIds: [1] }] }],
      timeoutMs: 4_000,
      validateOnly: true,
    },
    take: ['topics', 'timeoutMs', 'validateOnly'],
  },
  {
    file: 'admin/delete-groups',
    api: 'DeleteGroups',
    versions: [2],
    body: { groupsNames: ['a', 'b'] },
    take: ['groupsNames'],
  },
  {
    file: 'admin/offset-delete',
    api: 'OffsetDelete',
    versions: [0],
    body: { groupId: 'g', topics: [{ name: 'orders', partitions: [{ partitionIndex: 2 }] }] },
    take: ['groupId', 'topics'],
  },
  {
    file: 'admin/describe-cluster',
    api: 'DescribeCluster',
    versions: [0, 1],
    body: { includeClusterAuthorizedOperations: true, endpointType: 2 },
    take: ['includeClusterAuthorizedOperations', 'endpointType'],
  },
  {
    file: 'admin/describe-producers',
    api: 'DescribeProducers',
    versions: [0],
    body: { topics: [{ name: 'orders', partitionIndexes: [1, 2] }] },
    take: ['topics'],
  },
  {
    file: 'admin/describe-topic-partitions',
    api: 'DescribeTopicPartitions',
    versions: [0],
    body: {
      topics: [{ name: 'orders' }],
      responsePartitionLimit: 100,
      cursor: { topicName: 'orders', partitionIndex: 7 },
    },
    take: ['topics', 'responsePartitionLimit', 'cursor'],
  },
];

function numbersForBigints(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(numbersForBigints);
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value;
  if ('asymmetricMatch' in value) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, numbersForBigints(inner)]),
  );
}

/** A message in a response makes the package throw it. */
function resultOf(parse: () => unknown): unknown {
  try {
    return parse();
  } catch (error: unknown) {
    if (error instanceof Error && 'response' in error) return error.response;
    throw error;
  }
}

describe.each(CASES)('@platformatic/kafka and our codec agree on $api', (one) => {
  const api = API_BY_NAME.get(one.api)!;

  it.each(one.versions)('request v%i', async (version) => {
    const { createRequest } = await importFrom(`apis/${one.file}-v${version}.js`);
    const given = one.given?.(version) ?? one.take.map((name) => one.body[name]);
    const frame: Buffer = createRequest(...given).buffer;
    const body = decodeRequest(api, version, frame, 0) as Body;
    const expected = numbersForBigints(one.body) as Body;
    expect(body).toMatchObject(pick(fieldsOf(api, 'request'), version, expected));
    if (one.overlong?.includes(version)) return;
    const ours = encodeFrame(api, 'request', version, body);
    expect(ours.subarray(ours.length - frame.length)).toEqual(frame);
  });

  const wellRead = one.versions.filter((version) => !one.misread?.includes(version));
  it.each(wellRead)('response v%i', async (version) => {
    const { parseResponse } = await importFrom(`apis/${one.file}-v${version}.js`);
    // The package takes the number of tagged fields for their size, so it can be sent none.
    const sent = sentinelBody(api, 'response', version, (field) => field.tag === null);
    const frame = encodeFrame(api, 'response', version, sent);
    const start = api.name === 'ApiVersions' || !isFlexible(version) ? 4 : 5;
    const parse = () => parseResponse(0, api.key, version, Reader.from(frame.subarray(start)));
    expect(leavesOf(resultOf(parse)).sort()).toEqual(leavesOf(sent).sort());
  });

  function isFlexible(version: number): boolean {
    return api.flexible !== null && version >= api.flexible;
  }
});

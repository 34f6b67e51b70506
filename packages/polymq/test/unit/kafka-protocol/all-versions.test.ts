/**
 * Every version of every API on offer is sent to a running broker and must be answered with success, in a form
 * that decodes to the last byte. One scenario per version: the requests build on each other.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeBatch } from '../../../src/core/record/record-writer.ts';
import { type RunningBroker, startBroker } from '../../../src/index.ts';
import { ZERO_UUID } from '../../../src/protocols/kafka/codec/plan.ts';
import type { ApiSpec, RequestInput } from '../../../src/protocols/kafka/codec/spec.ts';
import { produce } from '../../../src/protocols/kafka/schema/00-produce.ts';
import { fetch } from '../../../src/protocols/kafka/schema/01-fetch.ts';
import { listOffsets } from '../../../src/protocols/kafka/schema/02-list-offsets.ts';
import { metadata } from '../../../src/protocols/kafka/schema/03-metadata.ts';
import { offsetCommit } from '../../../src/protocols/kafka/schema/08-offset-commit.ts';
import { offsetFetch } from '../../../src/protocols/kafka/schema/09-offset-fetch.ts';
import { findCoordinator } from '../../../src/protocols/kafka/schema/10-find-coordinator.ts';
import { joinGroup } from '../../../src/protocols/kafka/schema/11-join-group.ts';
import { heartbeat } from '../../../src/protocols/kafka/schema/12-heartbeat.ts';
import { leaveGroup } from '../../../src/protocols/kafka/schema/13-leave-group.ts';
import { syncGroup } from '../../../src/protocols/kafka/schema/14-sync-group.ts';
import { describeGroups } from '../../../src/protocols/kafka/schema/15-describe-groups.ts';
import { listGroups } from '../../../src/protocols/kafka/schema/16-list-groups.ts';
import { apiVersions } from '../../../src/protocols/kafka/schema/18-api-versions.ts';
import { createTopics } from '../../../src/protocols/kafka/schema/19-create-topics.ts';
import { deleteTopics } from '../../../src/protocols/kafka/schema/20-delete-topics.ts';
import { deleteRecords } from '../../../src/protocols/kafka/schema/21-delete-records.ts';
import { initProducerId } from '../../../src/protocols/kafka/schema/22-init-producer-id.ts';
import { offsetForLeaderEpoch } from '../../../src/protocols/kafka/schema/23-offset-for-leader-epoch.ts';
import { describeConfigs } from '../../../src/protocols/kafka/schema/32-describe-configs.ts';
import { alterConfigs } from '../../../src/protocols/kafka/schema/33-alter-configs.ts';
import { describeLogDirs } from '../../../src/protocols/kafka/schema/35-describe-log-dirs.ts';
import { createPartitions } from '../../../src/protocols/kafka/schema/37-create-partitions.ts';
import { deleteGroups } from '../../../src/protocols/kafka/schema/42-delete-groups.ts';
import { incrementalAlterConfigs } from '../../../src/protocols/kafka/schema/44-incremental-alter-configs.ts';
import { offsetDelete } from '../../../src/protocols/kafka/schema/47-offset-delete.ts';
import { describeCluster } from '../../../src/protocols/kafka/schema/60-describe-cluster.ts';
import { describeTopicPartitions } from '../../../src/protocols/kafka/schema/75-describe-topic-partitions.ts';
import { KafkaWire } from '../../support/kafka-wire.ts';

const APIS = {
  produce,
  fetch,
  listOffsets,
  metadata,
  offsetCommit,
  offsetFetch,
  findCoordinator,
  joinGroup,
  heartbeat,
  leaveGroup,
  syncGroup,
  describeGroups,
  listGroups,
  apiVersions,
  createTopics,
  deleteTopics,
  deleteRecords,
  initProducerId,
  offsetForLeaderEpoch,
  describeConfigs,
  alterConfigs,
  describeLogDirs,
  createPartitions,
  deleteGroups,
  incrementalAlterConfigs,
  offsetDelete,
  describeCluster,
  describeTopicPartitions,
} as const;

type Name = keyof typeof APIS;
type Requests = { [K in Name]?: RequestInput<(typeof APIS)[K]> };

let broker: RunningBroker;
let wire: KafkaWire;
let topicId = ZERO_UUID;

beforeAll(async () => {
  broker = await startBroker({ data: 'memory:', listen: ['kafka://127.0.0.1:0'] });
  wire = await KafkaWire.connect(broker.listener('kafka').port);
  await wire.request(APIS.createTopics, 7, {
    topics: [
      { name: 'versions', numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] },
    ],
    timeoutMs: 1000,
    validateOnly: false,
  });
  const described = await wire.request(APIS.metadata, 12, {
    topics: [{ topicId: ZERO_UUID, name: 'versions' }],
    allowAutoTopicCreation: false,
  });
  topicId = described.topics[0]!.topicId;
});

afterAll(async () => {
  wire?.close();
  await broker?.stop();
});

const batch = () =>
  writeBatch({
    records: [{ key: Buffer.from('k'), value: Buffer.from('v') }],
    timestampMs: 1_700_000_000_000,
  });

/** A request that must succeed in every version, given that those before it did. */
const REQUESTS: () => Requests = () => ({
  metadata: { topics: [{ topicId: ZERO_UUID, name: 'versions' }], allowAutoTopicCreation: false },
  produce: {
    transactionalId: null,
    acks: -1,
    timeoutMs: 1000,
    topicData: [{ name: 'versions', partitionData: [{ index: 0, records: batch() }] }],
  },
  fetch: {
    maxWaitMs: 100,
    minBytes: 1,
    maxBytes: 1_000_000,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [
      {
        topic: 'versions',
        topicId,
        partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000_000 }],
      },
    ],
    forgottenTopicsData: [],
  },
  listOffsets: {
    replicaId: -1,
    isolationLevel: 0,
    topics: [
      { name: 'versions', partitions: [{ partitionIndex: 0, timestamp: 1_600_000_000_000 }] },
    ],
  },
  offsetForLeaderEpoch: {
    replicaId: -1,
    topics: [{ topic: 'versions', partitions: [{ partition: 0, leaderEpoch: 0 }] }],
  },
  findCoordinator: { key: 'g', keyType: 0, coordinatorKeys: ['g'] },
  offsetCommit: {
    groupId: 'g',
    generationIdOrMemberEpoch: -1,
    memberId: '',
    topics: [
      {
        name: 'versions',
        partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: 'm' }],
      },
    ],
  },
  offsetFetch: {
    groupId: 'g',
    topics: [{ name: 'versions', partitionIndexes: [0] }],
    groups: [{ groupId: 'g', topics: [{ name: 'versions', partitionIndexes: [0] }] }],
    requireStable: false,
  },
  describeGroups: { groups: ['g'], includeAuthorizedOperations: false },
  listGroups: { statesFilter: [], typesFilter: [] },
  apiVersions: { clientSoftwareName: 'wire', clientSoftwareVersion: '1.0' },
  initProducerId: { transactionalId: null, transactionTimeoutMs: 1000 },
  describeConfigs: {
    resources: [{ resourceType: 2, resourceName: 'versions', configurationKeys: null }],
  },
  alterConfigs: {
    resources: [
      {
        resourceType: 2,
        resourceName: 'versions',
        configs: [{ name: 'retention.ms', value: '9' }],
      },
    ],
    validateOnly: true,
  },
  incrementalAlterConfigs: {
    resources: [
      {
        resourceType: 2,
        resourceName: 'versions',
        configs: [{ name: 'retention.ms', configOperation: 0, value: '9' }],
      },
    ],
    validateOnly: true,
  },
  describeLogDirs: { topics: null },
  createPartitions: {
    topics: [{ name: 'versions', count: 3, assignments: null }],
    timeoutMs: 1000,
    validateOnly: true,
  },
  describeCluster: { includeClusterAuthorizedOperations: false },
  describeTopicPartitions: { topics: [{ name: 'versions' }], cursor: null },
  deleteRecords: {
    topics: [{ name: 'versions', partitions: [{ partitionIndex: 1, offset: -1 }] }],
    timeoutMs: 1000,
  },
});

/** Every number that any response calls an error code, at any depth. */
function errorCodes(value: unknown): number[] {
  if (Array.isArray(value)) return value.flatMap(errorCodes);
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return [];
  return Object.entries(value).flatMap(([name, field]) =>
    /errorCode$/i.test(name) ? [field as number] : errorCodes(field),
  );
}

const PRODUCE_SINCE = 3;

function versionsOf(name: Name): number[] {
  const [first, last] = APIS[name].versions;
  const since = name === 'produce' ? PRODUCE_SINCE : first;
  return Array.from({ length: last - since + 1 }, (_, at) => since + at);
}

describe('every version on offer', () => {
  it('has its API in ApiVersions', async () => {
    const { apiKeys } = await wire.request(APIS.apiVersions, 3, REQUESTS().apiVersions!);
    const offered = new Map(apiKeys.map((row) => [row.apiKey, row]));
    for (const name of Object.keys(REQUESTS()) as Name[]) {
      const [minVersion, maxVersion] = APIS[name].versions;
      expect(offered.get(APIS[name].key)).toMatchObject({ minVersion, maxVersion });
    }
  });

  for (const name of Object.keys(REQUESTS()) as Name[]) {
    it(`answers ${APIS[name].name} in versions ${versionsOf(name).join(', ')}`, async () => {
      for (const version of versionsOf(name)) {
        const api: ApiSpec = APIS[name];
        const request = REQUESTS()[name] as RequestInput<ApiSpec>;
        const response = await wire.request(api, version, request);
        const codes = errorCodes(response);
        expect({ version, codes: codes.filter((code) => code !== 0) }).toEqual({
          version,
          codes: [],
        });
      }
    });
  }

  it('answers the group APIs in all versions, as one membership after another', async () => {
    for (let version = 0; version <= 9; version++) await joinSyncLeave(version);
  });

  it('answers CreateTopics, DeleteTopics, DeleteGroups and OffsetDelete in all versions', async () => {
    for (const version of versionsOf('createTopics')) {
      const created = await wire.request(APIS.createTopics, version, {
        topics: [
          { name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] },
        ],
        timeoutMs: 1000,
        validateOnly: false,
      });
      expect(errorCodes(created).filter(Boolean)).toEqual([]);
      const deleteVersion = Math.min(version - 1, 6);
      const deleted = await wire.request(APIS.deleteTopics, deleteVersion, {
        topics: [{ name: 't', topicId: ZERO_UUID }],
        topicNames: ['t'],
        timeoutMs: 1000,
      });
      expect(errorCodes(deleted).filter(Boolean)).toEqual([]);
    }
    for (const version of versionsOf('deleteGroups')) {
      await wire.request(APIS.offsetCommit, 2, {
        ...REQUESTS().offsetCommit!,
        groupId: 'gone',
      });
      const forgotten = await wire.request(APIS.offsetDelete, 0, {
        groupId: 'gone',
        topics: [{ name: 'versions', partitions: [{ partitionIndex: 1 }] }],
      });
      expect(forgotten.errorCode).toBe(0);
      const deleted = await wire.request(APIS.deleteGroups, version, { groupsNames: ['gone'] });
      expect(errorCodes(deleted).filter(Boolean)).toEqual([]);
    }
  });
});

/** JoinGroup 0..9 with the versions of the other group APIs that came with it. */
async function joinSyncLeave(version: number): Promise<void> {
  const groupId = `members-${version}`;
  const join = (memberId: string) =>
    wire.request(APIS.joinGroup, version, {
      groupId,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      memberId,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from('meta') }],
    });
  let joined = await join('');
  if (version >= 4) {
    expect(joined.errorCode).toBe(79);
    joined = await join(joined.memberId);
  }
  expect(joined).toMatchObject({ errorCode: 0, generationId: 1, protocolName: 'range' });
  expect(joined.members.map((member) => member.metadata.toString())).toEqual(['meta']);
  const { memberId } = joined;
  const synced = await wire.request(APIS.syncGroup, Math.min(version, 5), {
    groupId,
    generationId: 1,
    memberId,
    protocolType: 'consumer',
    protocolName: 'range',
    assignments: [{ memberId, assignment: Buffer.from('share') }],
  });
  expect(synced).toMatchObject({ errorCode: 0, assignment: Buffer.from('share') });
  const beat = await wire.request(APIS.heartbeat, Math.min(version, 4), {
    groupId,
    generationId: 1,
    memberId,
  });
  expect(beat.errorCode).toBe(0);
  const left = await wire.request(APIS.leaveGroup, Math.min(version, 5), {
    groupId,
    memberId,
    members: [{ memberId }],
  });
  expect(errorCodes(left).filter(Boolean)).toEqual([]);
}

/** Every Kafka API that this broker knows the wire form of, by key and by name. */
import { produce } from '../schema/00-produce.ts';
import { fetch } from '../schema/01-fetch.ts';
import { listOffsets } from '../schema/02-list-offsets.ts';
import { metadata } from '../schema/03-metadata.ts';
import { offsetCommit } from '../schema/08-offset-commit.ts';
import { offsetFetch } from '../schema/09-offset-fetch.ts';
import { findCoordinator } from '../schema/10-find-coordinator.ts';
import { joinGroup } from '../schema/11-join-group.ts';
import { heartbeat } from '../schema/12-heartbeat.ts';
import { leaveGroup } from '../schema/13-leave-group.ts';
import { syncGroup } from '../schema/14-sync-group.ts';
import { describeGroups } from '../schema/15-describe-groups.ts';
import { listGroups } from '../schema/16-list-groups.ts';
import { apiVersions } from '../schema/18-api-versions.ts';
import { createTopics } from '../schema/19-create-topics.ts';
import { deleteTopics } from '../schema/20-delete-topics.ts';
import { deleteRecords } from '../schema/21-delete-records.ts';
import { initProducerId } from '../schema/22-init-producer-id.ts';
import { offsetForLeaderEpoch } from '../schema/23-offset-for-leader-epoch.ts';
import { describeConfigs } from '../schema/32-describe-configs.ts';
import { alterConfigs } from '../schema/33-alter-configs.ts';
import { describeLogDirs } from '../schema/35-describe-log-dirs.ts';
import { createPartitions } from '../schema/37-create-partitions.ts';
import { deleteGroups } from '../schema/42-delete-groups.ts';
import { incrementalAlterConfigs } from '../schema/44-incremental-alter-configs.ts';
import { offsetDelete } from '../schema/47-offset-delete.ts';
import { describeCluster } from '../schema/60-describe-cluster.ts';
import { describeProducers } from '../schema/61-describe-producers.ts';
import { describeTopicPartitions } from '../schema/75-describe-topic-partitions.ts';
import type { ApiSpec } from './spec.ts';

/** In the order of their keys. */
export const APIS: readonly ApiSpec[] = [
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
  describeProducers,
  describeTopicPartitions,
];

const byKey: (ApiSpec | undefined)[] = [];
for (const api of APIS) byKey[api.key] = api;

export function apiByKey(key: number): ApiSpec | undefined {
  return byKey[key];
}

/** By Kafka's name, such as `JoinGroup`. */
export const API_BY_NAME: ReadonlyMap<string, ApiSpec> = new Map(
  APIS.map((api) => [api.name, api]),
);

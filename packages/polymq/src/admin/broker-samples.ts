/**
 * Reads the state of the broker at scrape time: nothing is counted twice, and nothing on the hot path knows of
 * metrics. Totals are cheap; what exists per partition or group is a generator, so that whoever asks for the first
 * thousand pays for a thousand.
 */

import { type Alarms, RESOURCES } from '../core/alarms.ts';
import type { GroupOffset } from '../core/group/group-registry.ts';
import type { GroupState } from '../core/group/groups.ts';
import type { Queue } from '../core/queue/queue.ts';
import type { QueueCounters } from '../core/queue/queue-counters.ts';
import type { RetainedMessages } from '../core/retained/retained-messages.ts';
import type { Streams } from '../core/stream/streams.ts';
import type { Labels } from '../lib/counters.ts';
import type { LogEngineMetrics } from '../log/log.ts';

export interface Sample {
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

/** What the metrics need of the groups. */
export interface ObservedGroups {
  countByState(): Record<GroupState, number>;
  memberCount(): number;
  readonly offsetCount: number;
  committed(): Iterable<GroupOffset>;
}

/** What the metrics need of the queues. */
export interface ObservedQueues {
  list(): Queue[];
  readonly counters: QueueCounters;
  readonly store: { readonly memoryBytes: number; readonly uncommittedBytes: number };
}

export interface Observed {
  readonly streams: Pick<Streams, 'get' | 'list'>;
  readonly groups: ObservedGroups;
  readonly queues: ObservedQueues;
  readonly retained: Pick<RetainedMessages, 'count' | 'bytes'>;
  readonly alarms: Alarms;
  readonly engine: LogEngineMetrics;
}

/** Which objects are wanted; what is undefined matches all. */
export interface ObjectFilter {
  readonly stream?: string | undefined;
  readonly group?: string | undefined;
  readonly queue?: string | undefined;
}

function sample(name: string, value: number, labels: Labels = {}): Sample {
  return { name, labels, value };
}

/** One series per fact, whatever the number of streams and groups. */
export function* totals(observed: Observed): Generator<Sample> {
  const { streams, groups, queues, retained, alarms, engine } = observed;
  yield sample('polymq_log_appended_bytes_total', engine.appendedBytes);
  yield sample('polymq_log_appended_batches_total', engine.appendedBatches);
  yield sample('polymq_log_read_bytes_total', engine.readBytes);
  yield sample('polymq_log_commit_rounds_total', engine.commitRounds);
  yield sample('polymq_log_syncs_total', engine.syncs);
  yield sample('polymq_log_damaged_ranges', engine.damagedRanges);
  yield sample('polymq_disk_low', Number(engine.lowSpace ?? false));
  const all = streams.list();
  const partitions = all.flatMap((stream) => stream.partitions);
  yield sample('polymq_streams', all.length);
  yield sample('polymq_partitions', partitions.length);
  yield sample(
    'polymq_stored_bytes',
    partitions.reduce((bytes, partition) => bytes + partition.sizeBytes, 0),
  );
  for (const [state, count] of Object.entries(groups.countByState())) {
    yield sample('polymq_groups', count, { state });
  }
  yield sample('polymq_group_members', groups.memberCount());
  yield sample('polymq_group_offsets', groups.offsetCount);
  yield* queueTotals(queues);
  yield sample('polymq_retained_messages', retained.count);
  yield sample('polymq_retained_bytes', retained.bytes);
  for (const resource of RESOURCES) {
    yield sample('polymq_publishers_blocked', Number(alarms.isOn(resource)), { resource });
  }
}

function* queueTotals(queues: ObservedQueues): Generator<Sample> {
  const all = queues.list();
  yield sample('polymq_queues', all.length);
  const sum = (count: (queue: Queue) => number): number =>
    all.reduce((total, queue) => total + count(queue), 0);
  yield sample(
    'polymq_queue_messages',
    sum((queue) => queue.readyCount),
    { state: 'ready' },
  );
  yield sample(
    'polymq_queue_messages',
    sum((queue) => queue.leasedCount),
    { state: 'leased' },
  );
  yield sample(
    'polymq_queue_messages',
    sum((queue) => queue.delayedCount),
    { state: 'delayed' },
  );
  for (const [event, count] of Object.entries(queues.counters)) {
    yield sample('polymq_queue_events_total', count as number, { event });
  }
  yield sample('polymq_queue_memory_bytes', queues.store.memoryBytes);
  yield sample('polymq_queue_uncommitted_bytes', queues.store.uncommittedBytes);
}

/** The depth of every queue. */
export function* queueDepths(
  { queues }: Pick<Observed, 'queues'>,
  filter: ObjectFilter = {},
): Generator<Sample> {
  for (const queue of queues.list()) {
    if (filter.queue !== undefined && filter.queue !== queue.name) continue;
    const labels = { namespace: queue.namespace, queue: queue.name };
    yield sample('polymq_queue_ready_messages', queue.readyCount, labels);
    yield sample('polymq_queue_leased_messages', queue.leasedCount, labels);
    yield sample('polymq_queue_bytes', queue.bytes, labels);
    yield sample('polymq_queue_consumers', queue.consumerCount, labels);
  }
}

/** How far each group is behind, partition by partition. */
export function* groupLag(
  { streams, groups }: Pick<Observed, 'streams' | 'groups'>,
  filter: ObjectFilter = {},
): Generator<Sample> {
  for (const { groupId, stream, partition, offset } of groups.committed()) {
    if (filter.group !== undefined && filter.group !== groupId) continue;
    if (filter.stream !== undefined && filter.stream !== stream) continue;
    const end = streams.get(stream)?.partitions[partition]?.endOffset;
    if (end === undefined) continue;
    const labels = { group: groupId, stream, partition: String(partition) };
    yield sample('polymq_group_lag_records', Math.max(0, end - offset), labels);
  }
}

export function* partitionSizes(
  { streams }: Pick<Observed, 'streams'>,
  filter: ObjectFilter = {},
): Generator<Sample> {
  for (const stream of streams.list()) {
    if (filter.stream !== undefined && filter.stream !== stream.name) continue;
    for (const { index, sizeBytes, startOffset, endOffset } of stream.partitions) {
      const labels = { stream: stream.name, partition: String(index) };
      yield sample('polymq_partition_size_bytes', sizeBytes, labels);
      yield sample('polymq_partition_start_offset', startOffset, labels);
      yield sample('polymq_partition_end_offset', endOffset, labels);
    }
  }
}

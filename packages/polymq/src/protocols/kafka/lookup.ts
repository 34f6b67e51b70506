import { BrokerError } from '../../core/errors.ts';
import type { Partition, Stream, Streams } from '../../core/stream/streams.ts';

/** The topic, or an `unknown-stream` error. */
export function topicOf(streams: Streams, name: string): Stream {
  const stream = streams.get(name);
  if (!stream) throw new BrokerError('unknown-stream', `topic "${name}" does not exist`);
  return stream;
}

/** The partition, or an `unknown-stream` or `unknown-partition` error. */
export function partitionOf(streams: Streams, name: string, index: number): Partition {
  return partitionIn(topicOf(streams, name), index);
}

export function partitionIn(stream: Stream, index: number): Partition {
  const partition = stream.partitions[index];
  if (!partition) {
    throw new BrokerError('unknown-partition', `topic "${stream.name}" has no partition ${index}`);
  }
  return partition;
}

/** Refuses a client whose view of the partition's leader is older or newer than ours (KIP-320). */
export function checkLeaderEpoch(partition: Partition, epoch: number): void {
  if (epoch < 0 || epoch === partition.leaderEpoch) return;
  const name = `${partition.streamName}-${partition.index}`;
  if (epoch < partition.leaderEpoch) {
    throw new BrokerError('stale-leader-epoch', `${name} is at epoch ${partition.leaderEpoch}`);
  }
  throw new BrokerError('unknown-leader-epoch', `${name} is at epoch ${partition.leaderEpoch}`);
}

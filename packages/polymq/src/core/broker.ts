import type { Groups } from './group/groups.ts';
import type { Streams } from './stream/streams.ts';

/** The core as protocols see it: one facade per noun, and who this broker is. */
export interface Broker {
  readonly streams: Streams;
  readonly groups: Groups;
  readonly producerIds: ProducerIds;
  /** The same for all nodes that form one broker; survives restarts. */
  readonly clusterId: string;
  readonly nodeId: number;
  /** Whether naming a stream that does not exist creates it. */
  readonly autoCreateStreams: boolean;
}

export interface ProducerIds {
  /** A producer id that was never given out before, also not before a restart. */
  next(): Promise<number>;
}

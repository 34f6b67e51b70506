import type { Alarms } from './alarms.ts';
import type { EventLog } from './event-log/event-log.ts';
import type { Exchanges, Publisher } from './exchange/exchanges.ts';
import type { Groups } from './group/groups.ts';
import type { MessageFormats } from './message/message-formats.ts';
import type { Documents } from './meta/documents.ts';
import type { Dedup } from './queue/dedup.ts';
import type { Queues } from './queue/queues.ts';
import type { RetainedMessages } from './retained/retained-messages.ts';
import type { Streams } from './stream/streams.ts';

/** The core as protocols see it: one facade per noun, and who this broker is. */
export interface Broker {
  readonly streams: Streams;
  readonly groups: Groups;
  /** Streams of events with expected versions. */
  readonly eventLog: EventLog;
  readonly queues: Queues;
  readonly exchanges: Exchanges;
  readonly publisher: Publisher;
  /** Who can read which messages. Protocols register theirs when they start. */
  readonly formats: MessageFormats;
  /** What protocols keep beside the nouns of the core. */
  readonly documents: Documents;
  /** What was published before. */
  readonly dedup: Dedup;
  /** The newest messages of routing keys that asked for it. */
  readonly retained: RetainedMessages;
  /** What is short, so that publishers must wait. */
  readonly alarms: Alarms;
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

/** Topics as channels: who is subscribed gets it, at most once; nothing is stored. */
import type {
  Position,
  PublishOutcome,
  TopicDriver,
  TopicSink,
  TopicSpec,
  TopicSubscription,
} from '../../driver/driver.ts';
import { UnsupportedError } from '../../errors.ts';
import type { WireMessage } from '../../message/wire-message.ts';
import type { RedisConnection } from './connection.ts';
import { readEnvelope, writeEnvelope } from './envelope.ts';
import { LiveBuffer } from './live-buffer.ts';

const NOWHERE: PublishOutcome = { partition: -1, offset: -1 };

export class RedisTopics implements TopicDriver {
  readonly #connection: RedisConnection;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  /** A channel is there when it is used. Retention would be a promise that nobody keeps. */
  async declareTopic(spec: TopicSpec): Promise<void> {
    if (spec.retentionMs !== undefined) throw notStored();
  }

  async deleteTopic(): Promise<void> {}

  async publish(
    topic: string,
    messages: readonly WireMessage[],
  ): Promise<readonly PublishOutcome[]> {
    await Promise.all(
      messages.map((message) => this.#connection.publish(topic, writeEnvelope(message))),
    );
    return messages.map(() => NOWHERE);
  }

  async subscribeTopic(topic: string, from: Position, sink: TopicSink): Promise<TopicSubscription> {
    if (from.at !== 'new') throw notStored();
    const { clock } = this.#connection.context;
    const buffer = new LiveBuffer(topic, sink);
    const unsubscribe = await this.#connection.subscribe(topic, (bytes) =>
      buffer.add(readEnvelope(bytes, clock.nowMs())),
    );
    return {
      close: async () => {
        buffer.close();
        await unsubscribe();
      },
    };
  }
}

function notStored(): UnsupportedError {
  return new UnsupportedError(
    'Redis',
    'replay',
    'its channels store nothing; subscribe from "new", or use an engine that stores topics',
  );
}

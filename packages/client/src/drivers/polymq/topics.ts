/** Live topics by AMQP; stored ones are streams, read and written by the driver of Kafka, which is opened with the first of them. */
import type {
  Driver,
  GroupSink,
  GroupSubscription,
  Position,
  PublishOutcome,
  TopicDriver,
  TopicSink,
  TopicSpec,
  TopicSubscription,
} from '../../driver/driver.ts';
import type { WireMessage } from '../../message/wire-message.ts';
import type { AmqpParts } from '../amqp/index.ts';
import { AmqpTopics } from '../amqp/topic-driver.ts';

export class PolymqTopics implements TopicDriver {
  readonly #amqp: AmqpParts;
  readonly #liveTopics: AmqpTopics;
  readonly #openKafka: () => Promise<Driver>;
  readonly #live = new Set<string>();
  #kafka: Promise<Driver> | undefined = undefined;

  constructor(amqp: AmqpParts, openKafka: () => Promise<Driver>) {
    this.#amqp = amqp;
    this.#liveTopics = new AmqpTopics(amqp.link, amqp.topology, amqp.publisher);
    this.#openKafka = openKafka;
  }

  async declareTopic(spec: TopicSpec): Promise<void> {
    if (spec.live) {
      this.#live.add(spec.name);
      await this.#liveTopics.declareTopic(spec);
    } else {
      this.#live.delete(spec.name);
      await (await this.#stored()).declareTopic(spec);
    }
  }

  async deleteTopic(topic: string): Promise<void> {
    await (await this.#of(topic)).deleteTopic(topic);
    this.#live.delete(topic);
  }

  publish(
    topic: string,
    messages: readonly WireMessage[],
    timeoutMs?: number | undefined,
  ): Promise<readonly PublishOutcome[]> {
    if (this.#live.has(topic)) return this.#liveTopics.publish(topic, messages, timeoutMs);
    return this.#stored().then((stored) => stored.publish(topic, messages));
  }

  async subscribeTopic(topic: string, from: Position, sink: TopicSink): Promise<TopicSubscription> {
    return (await this.#of(topic)).subscribeTopic(topic, from, sink);
  }

  async joinGroup(
    topic: string,
    group: string,
    from: Position,
    sink: GroupSink,
  ): Promise<GroupSubscription> {
    return (await this.#stored()).joinGroup!(topic, group, from, sink);
  }

  async groupLag(topic: string, group: string): Promise<ReadonlyMap<number, number>> {
    return (await this.#stored()).groupLag!(topic, group);
  }

  async seekGroup(topic: string, group: string, to: Position): Promise<void> {
    await (await this.#stored()).seekGroup!(topic, group, to);
  }

  /** The broker itself copies what comes into the stream. */
  async bindQueue(topic: string, queue: string): Promise<void> {
    if (this.#live.has(topic)) return this.#liveTopics.bindQueue(topic, queue);
    const what = `binding queue "${queue}" to topic "${topic}"`;
    await this.#amqp.topology.declare(`binding ${topic} ${queue}`, what, (channel) =>
      channel.bindQueue(queue, `stream:${topic}`, ''),
    );
  }

  async close(): Promise<void> {
    const kafka = await this.#kafka?.catch(() => undefined);
    await kafka?.close();
  }

  async #of(topic: string): Promise<TopicDriver> {
    return this.#live.has(topic) ? this.#liveTopics : this.#stored();
  }

  async #stored(): Promise<TopicDriver> {
    this.#kafka ??= this.#openKafka().catch((error: unknown) => {
      this.#kafka = undefined;
      throw error;
    });
    return (await this.#kafka).topics!;
  }
}

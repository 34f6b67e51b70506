/**
 * A member of a group that reads a stream. Streams know no groups over AMQP 0-9-1, so two small queues make one:
 *
 *   polymq.group.<topic>.<group>     holds one token, and has a single active consumer: who gets the token reads
 *                                    the topic; the other members stand by, and one of them gets it next
 *   polymq.commits.<topic>.<group>   holds the last commit (`commits.ts`)
 *
 *   standing by ── token, nothing held any more ──► reading from the last commit ── connection lost: `revoked` ──► standing by
 *
 * So the records are not read by several members at a time: a group gives order and takes over, it does not share load.
 * Only the one who has the token writes commits, the first of all (where the group begins) included.
 */
import type { GroupSink, GroupSubscription, Position } from '../../driver/driver.ts';
import { PolymqError } from '../../errors.ts';
import { type ClockTimer, sleep } from '../../lib/clock.ts';
import { beginCommits, type GroupPlace, lastCommit, publishCommit } from './commits.ts';
import { amqpError } from './errors.ts';
import type { AmqpChannel, AmqpConnection, AmqpMessage } from './library.ts';
import { type Link, type LinkPart, openChannel } from './link.ts';
import { groupLock } from './names.ts';
import type { Publisher } from './publisher.ts';
import { restoredOrEnded } from './restoring.ts';
import { StreamSource } from './sources.ts';
import { offsetOfPosition } from './stream-range.ts';
import { closeQuietly, TopicReader } from './topic-reader.ts';
import type { Topology } from './topology.ts';

/** RabbitMQ's streams have one partition. */
const PARTITION = 0;

/** Between looks whether somebody has begun. */
const BEGIN_PAUSE_MS = 20;
/** RabbitMQ closes the channel of whoever keeps a message for half an hour. */
const RENEW_MS = 10 * 60 * 1000;

export interface MemberParts {
  readonly link: Link;
  readonly topology: Topology;
  readonly publisher: Publisher;
}

export class GroupMember implements GroupSubscription, LinkPart {
  readonly #parts: MemberParts;
  readonly #link: Link;
  readonly #place: GroupPlace;
  readonly #from: Position;
  readonly #sink: GroupSink;
  #channel: AmqpChannel | undefined = undefined;
  /** The channel that the token came on. */
  #tokenFrom: AmqpChannel | undefined = undefined;
  #token: AmqpMessage | undefined = undefined;
  #renewal: ClockTimer | undefined = undefined;
  #reader: TopicReader | undefined = undefined;
  /** Over when the sink has let go of what it got from earlier readers. */
  #revoking: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(
    parts: MemberParts,
    { place, from, sink }: { place: GroupPlace; from: Position; sink: GroupSink },
  ) {
    this.#parts = parts;
    this.#link = parts.link;
    this.#place = place;
    this.#from = from;
    this.#sink = sink;
  }

  async open(): Promise<void> {
    await this.#join(await this.#link.ready(this.#what));
    if (!this.#closed) this.#link.add(this);
    if (this.#from.at === 'new') await this.#begun();
  }

  /** A new group that wants what is new begins now, whichever of its members reads first. */
  async #begun(): Promise<void> {
    const { clock, timeoutMs } = this.#link.context;
    const endMs = clock.nowMs() + timeoutMs;
    while (!this.#closed && this.#reader === undefined) {
      if (clock.nowMs() > endMs) {
        await this.close();
        const text = `${this.#what}: it has not begun within ${timeoutMs} ms; try again`;
        throw new PolymqError('timeout', text);
      }
      await sleep(clock, BEGIN_PAUSE_MS);
      if (this.#tokenFrom !== undefined) continue;
      if ((await lastCommit(this.#link, this.#place)) !== undefined) return;
    }
  }

  async commit(partition: number, offset: number): Promise<void> {
    if (partition !== PARTITION || this.#reader === undefined) return;
    await publishCommit(this.#parts.publisher, this.#place, offset);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#link.remove(this);
    await this.#leave();
  }

  lost(): void {
    this.#channel = undefined;
    this.#forgetToken();
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader === undefined) return;
    void reader.close();
    const revoked = Promise.resolve(this.#sink.revoked([PARTITION])).catch(() => undefined);
    this.#revoking = Promise.all([this.#revoking, revoked]);
  }

  async restore(connection: AmqpConnection): Promise<void> {
    if (this.#closed) return;
    await restoredOrEnded(this.#join(connection), this.#what, (error) => this.#end(error));
  }

  get #what(): string {
    return `reading topic "${this.#place.topic}" for group "${this.#place.group}"`;
  }

  async #join(connection: AmqpConnection): Promise<void> {
    const channel = await openChannel(connection, this.#what);
    // Nobody would give back a token that comes on it.
    if (this.#closed) return closeQuietly(channel);
    this.#channel = channel;
    let cause: unknown;
    let isClosed = false;
    let joined = false;
    channel.on('error', (error: unknown) => {
      cause = error;
    });
    channel.on('close', () => {
      isClosed = true;
      // Before that, whoever waits for it is told.
      if (joined) this.#channelClosed(channel, cause);
    });
    try {
      const { messageCount } = await declareGroup(channel, this.#place);
      // Members that join together may make several tokens: the one who is active gets them all.
      if (messageCount === 0) channel.publish('', lockOf(this.#place), TOKEN, { persistent: true });
      await channel.consume(lockOf(this.#place), (token) => this.#onToken(channel, token), {});
      joined = true;
      if (isClosed) this.#channelClosed(channel, cause);
    } catch (error) {
      if (this.#channel === channel) this.#channel = undefined;
      await closeQuietly(channel);
      if (this.#closed) return;
      throw amqpError(error, this.#what);
    }
  }

  #onToken(channel: AmqpChannel, token: AmqpMessage | null): void {
    if (this.#channel !== channel || this.#closed) return;
    if (token === null) {
      this.#end(new PolymqError('not-found', `${this.#what} is over: its group was deleted`));
    } else if (this.#token !== undefined) {
      channel.ack(token);
    } else {
      this.#token = token;
      this.#renewLater(channel);
      if (this.#tokenFrom === channel) return;
      this.#tokenFrom = channel;
      this.#read(channel).catch((error: unknown) => this.#end(amqpError(error, this.#what)));
    }
  }

  /** What the active consumer puts back comes to it again. */
  #renewLater(channel: AmqpChannel): void {
    this.#renewal?.cancel();
    this.#renewal = this.#link.context.clock.after(RENEW_MS, () => {
      const token = this.#token;
      this.#token = undefined;
      if (token !== undefined && this.#isOn(channel)) channel.nack(token, false, true);
    });
  }

  #forgetToken(): void {
    this.#renewal?.cancel();
    this.#tokenFrom = undefined;
    this.#token = undefined;
  }

  /** Without the connection, such as by an operator: the token is somebody else's. */
  #channelClosed(channel: AmqpChannel, cause: unknown): void {
    if (!this.#isOn(channel) || cause === undefined) return;
    this.lost();
    this.#link
      .ready(this.#what)
      .then((connection) => (this.#channel === undefined ? this.restore(connection) : undefined))
      .catch(() => undefined);
  }

  async #read(channel: AmqpChannel): Promise<void> {
    // The same records come again: what is let go must not be taken for them.
    await this.#revoking;
    if (!this.#isOn(channel)) return;
    const offset = (await lastCommit(this.#link, this.#place)) ?? (await this.#begin(channel));
    if (!this.#isOn(channel)) return;
    const { topic } = this.#place;
    const source = new StreamSource(topic, offsetAt(offset), this.#link.context.clock);
    this.#reader = new TopicReader(this.#link, source, this.#sink);
    await this.#reader.open();
  }

  async #begin(channel: AmqpChannel): Promise<number> {
    const offset = await offsetOfPosition(this.#link, this.#place.topic, this.#from);
    if (this.#isOn(channel)) await beginCommits(this.#parts, this.#place, offset);
    return offset;
  }

  #isOn(channel: AmqpChannel): boolean {
    return this.#channel === channel && !this.#closed;
  }

  async #leave(): Promise<void> {
    const [reader, channel] = [this.#reader, this.#channel];
    this.#reader = undefined;
    this.#channel = undefined;
    this.#forgetToken();
    await reader?.close();
    await closeQuietly(channel);
  }

  #end(error: PolymqError): void {
    if (this.#closed || error.code === 'disconnected') return;
    void this.close();
    this.#sink.ended(error);
  }
}

const TOKEN = Buffer.from('the one who has this reads');

function lockOf({ topic, group }: GroupPlace): string {
  return groupLock(topic, group);
}

/** The state of the queue that holds the token. */
export function declareGroup(
  channel: AmqpChannel,
  place: GroupPlace,
): Promise<{ readonly messageCount: number; readonly consumerCount: number }> {
  return channel.assertQueue(lockOf(place), {
    durable: true,
    arguments: { 'x-single-active-consumer': true },
  });
}

function offsetAt(offset: number): Position {
  return { at: 'offsets', offsets: offset };
}

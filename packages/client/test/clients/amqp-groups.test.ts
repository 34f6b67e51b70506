/** Groups on streams of RabbitMQ: the last commit and the token, when several ask for them at the same time. */
import amqplib from 'amqplib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Driver, GroupSubscription, Position } from '../../src/driver/driver.ts';
import { open } from '../../src/drivers/amqp/index.ts';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import { eventually, pause, uniqueName } from '../contract/stage.ts';
import { type Engine, rabbitmqMissing, startRabbitmqEngine } from '../support/engines.ts';

interface Member {
  readonly seen: string[];
  close(): Promise<void>;
}

// Skipped without RabbitMQ: Debian's package rabbitmq-server.
describe.skipIf(rabbitmqMissing() !== undefined)('groups of the AMQP driver on RabbitMQ', () => {
  let rabbitmq: Engine;
  let url: string;
  let one: Driver;
  let two: Driver;
  /** What clients of `one` do after ten minutes or more. */
  const later: (() => void)[] = [];

  beforeAll(async () => {
    rabbitmq = await startRabbitmqEngine();
    url = `amqp://guest:guest@127.0.0.1:${rabbitmq.port('amqp')}`;
    const clock: Clock = {
      nowMs: () => systemClock.nowMs(),
      after(delayMs, callback) {
        if (delayMs >= 600_000) later.push(callback);
        return systemClock.after(delayMs, callback);
      },
    };
    [one, two] = await Promise.all([openDriver(clock), openDriver(systemClock)]);
  });

  afterAll(async () => {
    await Promise.all([one?.close(), two?.close()]);
    await rabbitmq?.stop();
  });

  function openDriver(clock: Clock): Promise<Driver> {
    const onConnection = (): void => undefined;
    return open(new URL(url), undefined, {
      clock,
      timeoutMs: 20_000,
      clientName: 'test',
      onConnection,
    });
  }

  async function topicWith(count: number): Promise<string> {
    const topic = uniqueName('topic');
    await one.topics!.declareTopic({ name: topic, live: false });
    await publish(topic, 0, count);
    return topic;
  }

  async function publish(topic: string, from: number, to: number): Promise<void> {
    const records = Array.from({ length: to - from }, (_, index) => ({
      id: `${from + index}`,
      body: Buffer.from('x'),
      contentType: 'text/plain',
      headers: {},
      timestampMs: Date.now(),
    }));
    await one.topics!.publish(topic, records);
  }

  /** Commits what it sees. */
  async function join(driver: Driver, topic: string, from: Position['at']): Promise<Member> {
    const seen: string[] = [];
    let group: GroupSubscription | undefined;
    let done = 0;
    group = await driver.topics!.joinGroup!(topic, 'g', { at: from } as Position, {
      deliver: async (records) => {
        for (const { id, offset } of records) {
          seen.push(id);
          done = offset + 1;
        }
        await group?.commit(0, done);
      },
      revoked: () => undefined,
      ended: () => undefined,
    });
    return {
      seen,
      close: async () => {
        await group.commit(0, done);
        await group.close();
      },
    };
  }

  it('wait for the last commit while somebody looks at it', async () => {
    const topic = await topicWith(5);
    const first = await join(one, topic, 'start');
    await eventually('all came', () => first.seen.length === 5);
    await first.close();
    const connection = await amqplib.connect(url);
    const channel = await connection.createChannel();
    const commit = await channel.get(`polymq.commits.${topic}.g`, { noAck: false });
    if (commit === false) throw new Error('there is no commit');
    const next = await join(two, topic, 'start');
    await pause(300);
    channel.nack(commit, false, true);
    await connection.close();
    await publish(topic, 5, 7);
    await eventually('the new ones came', () => next.seen.includes('6'));
    expect(next.seen).toEqual(['5', '6']);
    await next.close();
  });

  it('begin with what is new when the first of them joins, not with what is new to the second', async () => {
    const topic = await topicWith(3);
    const first = await join(one, topic, 'new');
    await publish(topic, 3, 5);
    const second = await join(two, topic, 'new');
    await publish(topic, 5, 7);
    await eventually('all came', () => first.seen.includes('6'));
    expect(first.seen).toEqual(['3', '4', '5', '6']);
    await first.close();
    await publish(topic, 7, 8);
    await eventually('the second goes on', () => second.seen.includes('7'));
    expect(second.seen).toEqual(['7']);
    await second.close();
  });

  it('keep the token longer than RabbitMQ lets a message be held', async () => {
    const topic = await topicWith(2);
    later.length = 0;
    const holder = await join(one, topic, 'start');
    const standby = await join(two, topic, 'start');
    await eventually('it holds the token', () => holder.seen.length === 2);
    for (let round = 0; round < 3; round += 1) {
      const renew = await eventually('it is to be renewed', () => later.pop());
      renew();
    }
    await publish(topic, 2, 4);
    await eventually('it goes on', () => holder.seen.includes('3'));
    expect(standby.seen).toEqual([]);
    await holder.close();
    await publish(topic, 4, 5);
    await eventually('the other one takes over', () => standby.seen.includes('4'));
    expect(standby.seen).toEqual(['4']);
    await standby.close();
  });

  it('read once when there are two tokens', async () => {
    const topic = await topicWith(2);
    const first = await join(one, topic, 'start');
    await eventually('it has read', () => first.seen.length === 2);
    await first.close();
    const connection = await amqplib.connect(url);
    const channel = await connection.createConfirmChannel();
    channel.sendToQueue(`polymq.group.${topic}.g`, Buffer.from('another'));
    await channel.waitForConfirms();
    await connection.close();
    const next = await join(two, topic, 'start');
    await publish(topic, 2, 4);
    await eventually('the new ones came', () => next.seen.includes('3'));
    expect(next.seen).toEqual(['2', '3']);
    await next.close();
  });
});

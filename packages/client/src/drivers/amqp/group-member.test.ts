import { describe, expect, it } from 'vitest';
import type { GroupSink, TopicSubscription } from '../../driver/driver.ts';
import type { TopicRecord } from '../../message/wire-message.ts';
import { GroupMember, type MemberParts } from './group-member.ts';
import { groupCommits, groupLock, streamQueue } from './names.ts';
import { closeWhileComingBack, FakeConnection, linkOf, turn } from './testing/fake-amqp.ts';

const LOCK = groupLock('t', 'g');
const STREAM = streamQueue('t');

/** Says what it is told, and holds up what is revoked for as long as the test wants. */
class Sink implements GroupSink {
  readonly told: string[] = [];
  letGo: () => void = () => undefined;

  deliver(records: readonly TopicRecord[]): void {
    this.told.push(...records.map(({ offset }) => `record ${offset}`));
  }

  revoked(): Promise<void> {
    this.told.push('revoked');
    return new Promise((resolve) => {
      this.letGo = () => {
        this.told.push('let go');
        resolve();
      };
    });
  }

  ended(error: unknown): void {
    this.told.push(`ended ${String(error)}`);
  }
}

function memberOn(connection: FakeConnection, sink: GroupSink): GroupMember & TopicSubscription {
  connection.messages.set(groupCommits('t', 'g'), '7');
  const parts = { link: linkOf(connection) } as unknown as MemberParts;
  const place = { topic: 't', group: 'g' };
  return new GroupMember(parts, { place, from: { at: 'start' }, sink });
}

async function turns(count: number): Promise<void> {
  for (let done = 0; done < count; done += 1) await turn();
}

/** The server lets it read. */
async function giveToken(connection: FakeConnection): Promise<void> {
  connection.channels.find(({ consumers }) => consumers.has(LOCK))!.push(LOCK, {});
  await turns(12);
}

function reading(connection: FakeConnection): boolean {
  return connection.channels.some(({ consumers }) => consumers.has(STREAM));
}

describe('a member of a group', () => {
  it('reads again after a lost connection only when what it had is let go', async () => {
    const [connection, sink] = [new FakeConnection(), new Sink()];
    const member = memberOn(connection, sink);
    await member.open();
    await giveToken(connection);
    expect(reading(connection)).toBe(true);
    await connection.lose();
    member.lost();
    await member.restore(connection.asServer);
    await giveToken(connection);
    expect(sink.told).toEqual(['revoked']);
    expect(reading(connection)).toBe(false);
    sink.letGo();
    await turns(12);
    expect(reading(connection)).toBe(true);
    await member.close();
  });

  it.each([0, 1, 2, 3, 4])(
    'keeps nothing when it is closed %s turns after it began to come back',
    async (count) => {
      const [connection, sink] = [new FakeConnection(), new Sink()];
      const member = memberOn(connection, sink);
      await member.open();
      await closeWhileComingBack(member, connection, count);
      await turns(3);
      expect(connection.channels.every(({ isClosed }) => isClosed)).toBe(true);
      expect(sink.told).toEqual([]);
    },
  );

  it.each([1, 2, 3, 4, 5, 6])(
    'keeps no reader when it is closed %s turns after it got the token',
    async (count) => {
      const [connection, sink] = [new FakeConnection(), new Sink()];
      const member = memberOn(connection, sink);
      await member.open();
      connection.channels.find(({ consumers }) => consumers.has(LOCK))!.push(LOCK, {});
      await turns(count);
      await member.close();
      await turns(12);
      expect(connection.channels.every(({ isClosed }) => isClosed)).toBe(true);
    },
  );
});

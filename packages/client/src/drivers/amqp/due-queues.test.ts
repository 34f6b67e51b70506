import { describe, expect, it } from 'vitest';
import type { QueueLimit, QueueSpec } from '../../driver/driver.ts';
import { ManualClock } from '../../driver/testing/manual-clock.ts';
import { PolymqError } from '../../errors.ts';
import { DueQueues } from './due-queues.ts';
import { FakeConnection, linkOf, turn } from './testing/fake-amqp.ts';
import type { Step, Topology } from './topology.ts';

const DUE = 'polymq.due.q';

function spec(overflow?: QueueLimit['overflow']): QueueSpec {
  const limit = overflow === undefined ? undefined : { messages: 1, overflow };
  return { name: 'q', durable: true, fifo: false, priorityMax: 0, leaseMs: 30_000, limit };
}

/** Due queues on a server that takes what is forwarded when the test says so. */
function setUp() {
  const connection = new FakeConnection();
  const clock = new ManualClock();
  const server = { isFull: true, stored: [] as string[], tries: 0 };
  const topology = {
    declare: async (_: string, __: string, step: Step) => {
      await step((await connection.createChannel()) as never);
    },
    run: async () => undefined,
    forget: () => undefined,
  } as unknown as Topology;
  const due = new DueQueues({
    link: linkOf(connection, clock),
    topology,
    divert: () => false,
    forward: async ({ id }, queue) => {
      server.tries += 1;
      if (server.isFull) throw new PolymqError('queue-full', 'no room');
      server.stored.push(`${id} in ${queue}`);
    },
  });
  return { connection, clock, server, due };
}

describe('delayed messages for a queue that refuses more when it is full', () => {
  it.each(['reject', 'block'] as const)('come out beside it, if it says %s', async (overflow) => {
    const { due } = setUp();
    expect(due.targetOf('q')).toBe('q');
    await due.declare(spec(overflow));
    await due.declare(spec(overflow));
    expect(due.targetOf('q')).toBe(DUE);
    await due.delete('q');
    expect(due.targetOf('q')).toBe('q');
  });

  it.each([undefined, 'drop-oldest'] as const)(
    'come out in it, if it says %s',
    async (overflow) => {
      const { connection, due } = setUp();
      await due.declare(spec(overflow));
      expect(due.targetOf('q')).toBe('q');
      expect(connection.channels).toEqual([]);
    },
  );

  it('are moved on when it has room, and acknowledged when it has them', async () => {
    const { connection, clock, server, due } = setUp();
    await due.declare(spec('reject'));
    const [channel] = connection.consuming;
    channel!.push(DUE, { messageId: 'a' });
    await turn();
    await clock.advance('10s');
    expect(server.tries).toBeGreaterThan(3);
    expect(channel!.acked).toEqual([]);
    server.isFull = false;
    await clock.advance('10s');
    expect(server.stored).toEqual(['a in q']);
    expect(channel!.acked).toEqual([1]);
    await due.delete('q');
    expect(connection.consuming).toEqual([]);
  });

  it('are somebody else’s when the connection is lost', async () => {
    const { connection, clock, server, due } = setUp();
    await due.declare(spec('reject'));
    connection.consuming[0]!.push(DUE, { messageId: 'a' });
    await turn();
    await connection.lose();
    server.isFull = false;
    await clock.advance('10s');
    expect(server.stored).toEqual([]);
  });

  it('have their queue made again when somebody deletes it', async () => {
    const { connection, due } = setUp();
    await due.declare(spec('reject'));
    const [first] = connection.consuming;
    first!.consumers.get(DUE)!(null);
    for (let left = 10; left > 0; left -= 1) await turn();
    expect(due.targetOf('q')).toBe(DUE);
    expect(connection.consuming.filter((channel) => channel !== first)).toHaveLength(1);
  });
});

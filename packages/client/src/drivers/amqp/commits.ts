/**
 * How far a group has come in a stream: one message, the newest commit, in a queue of its own (`groupCommits`).
 *
 * Who wants to know it takes the message and puts it back, so for a moment the queue is empty for everybody else. Hence the
 * queue is made with the first commit: if it is not there, the group has not begun; if it is empty, the commit is in somebody's
 * hands and soon back. A later commit drives the earlier one out (`x-max-length`).
 */
import { sleep } from '../../lib/clock.ts';
import type { Publication } from './batch.ts';
import { amqpError } from './errors.ts';
import type { Link } from './link.ts';
import { groupCommits } from './names.ts';
import type { Publisher } from './publisher.ts';
import { closeQuietly } from './topic-reader.ts';
import type { Topology } from './topology.ts';

export interface GroupPlace {
  readonly topic: string;
  readonly group: string;
}

/** A queue that stays empty for so long has lost its commit: its maker died before he put the first one in. */
const HELD_MS = 5_000;
const PAUSE_MS = 10;

/** The offset behind the last record that is done; undefined: the group has not begun. */
export async function lastCommit(link: Link, place: GroupPlace): Promise<number | undefined> {
  const what = `asking how far ${nameOf(place)} is`;
  const queue = groupCommits(place.topic, place.group);
  const channel = await link.channel(what);
  const { clock } = link.context;
  try {
    await channel.checkQueue(queue);
    for (const endMs = clock.nowMs() + HELD_MS; clock.nowMs() < endMs; ) {
      const message = await channel.get(queue, { noAck: false });
      if (message !== false) {
        channel.nack(message, false, true);
        const offset = Number(message.content.toString());
        return Number.isSafeInteger(offset) ? offset : undefined;
      }
      await sleep(clock, PAUSE_MS);
    }
    return undefined;
  } catch (error) {
    const failed = amqpError(error, what);
    if (failed.code === 'not-found') return undefined;
    throw failed;
  } finally {
    await closeQuietly(channel);
  }
}

/** The first commit of a group. */
export async function beginCommits(
  { topology, publisher }: { topology: Topology; publisher: Publisher },
  place: GroupPlace,
  offset: number,
): Promise<void> {
  await topology.run(`beginning ${nameOf(place)}`, (channel) =>
    channel.assertQueue(groupCommits(place.topic, place.group), {
      durable: true,
      arguments: { 'x-max-length': 1 },
    }),
  );
  await publishCommit(publisher, place, offset);
}

/** For a group that has begun. */
export async function publishCommit(
  publisher: Publisher,
  place: GroupPlace,
  offset: number,
): Promise<void> {
  const commit: Publication = {
    id: '',
    exchange: '',
    routingKey: groupCommits(place.topic, place.group),
    body: Buffer.from(String(offset)),
    properties: () => ({ deliveryMode: 2, contentType: 'text/plain' }),
  };
  await publisher.publish([commit], `committing for ${nameOf(place)}`);
}

function nameOf({ topic, group }: GroupPlace): string {
  return `group "${group}" of topic "${topic}"`;
}

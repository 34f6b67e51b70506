import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../lib/logger.ts';
import { QueueOwners } from './queue-owners.ts';
import { kit, settle } from './testing/kit.ts';

function ownersKit() {
  const { queues, queue, writer } = kit();
  const logged: string[] = [];
  const logger = {
    ...silentLogger,
    error: (_fields: unknown, message: string) => void logged.push(message),
  };
  const owners = new QueueOwners<{ closed: boolean }>(queues, logger);
  return { queues, queue, writer, owners, logged };
}

describe('queues that belong to a connection', () => {
  it('go when it does, and no others', async () => {
    const { queue, owners } = ownersKit();
    const [mine, too, other] = [await queue(), await queue({}, {}, 'r'), await queue({}, {}, 's')];
    const [owner, stranger] = [{ closed: false }, { closed: false }];
    owners.own(mine, owner);
    owners.own(too, owner);
    owners.own(other, stranger);
    expect([owners.ownerOf(mine), owners.ownerOf(other)]).toEqual([owner, stranger]);
    owners.forget(owner);
    await settle();
    expect([mine.deleted, too.deleted, other.deleted]).toEqual([true, true, false]);
    expect([owners.ownerOf(mine), owners.ownerOf(other)]).toEqual([undefined, stranger]);
  });

  it('go at once when it is over before they are there', async () => {
    const { queue, owners } = ownersKit();
    const late = await queue();
    owners.own(late, { closed: true });
    await settle();
    expect([late.deleted, owners.ownerOf(late)]).toEqual([true, undefined]);
  });

  it('may be gone before it', async () => {
    const { queues, queue, owners, logged } = ownersKit();
    const [released, deleted] = [await queue(), await queue({}, {}, 'r')];
    const owner = { closed: false };
    owners.own(released, owner);
    owners.own(deleted, owner);
    owners.release(released);
    await queues.delete(deleted);
    owners.forget(owner);
    await settle();
    expect([released.deleted, logged]).toEqual([false, []]);
  });

  it('are told of in the log when they cannot be deleted', async () => {
    const { queue, writer, owners, logged } = ownersKit();
    const kept = await queue();
    owners.own(kept, { closed: false });
    writer.error = new Error('no space');
    owners.discard(kept);
    await settle();
    expect(logged).toEqual(['a queue of a connection was not deleted']);
  });
});

import { describe, expect, it } from 'vitest';
import { AmqpRequests, type RequestParts } from './request-driver.ts';
import { FakeConnection, linkOf, turn } from './testing/fake-amqp.ts';
import { Topology } from './topology.ts';

describe('a service', () => {
  it('tells when its queue was deleted, and is not declared any more', async () => {
    const connection = new FakeConnection();
    const link = linkOf(connection);
    const topology = new Topology(link);
    const requests = new AmqpRequests({ link, topology } as unknown as RequestParts);
    const ends: unknown[] = [];
    const { close } = await requests.serve(
      's',
      1,
      () => undefined,
      ({ code }) => ends.push(code),
    );
    connection.consuming[0]!.consumers.get('polymq.service.s')!(null);
    await turn();
    expect(ends).toEqual(['not-found']);
    const known = connection.channels.length;
    topology.lost();
    await topology.restore(connection.asServer);
    expect(connection.channels).toHaveLength(known);
    await close();
  });
});

import { describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { LiveSource, StreamSource } from './sources.ts';
import { closeWhileComingBack, FakeConnection, linkOf, turn } from './testing/fake-amqp.ts';
import { TopicReader } from './topic-reader.ts';

const nobody = {
  deliver: () => undefined,
  ended: (error: unknown) => {
    throw error;
  },
};

describe('a reader that comes back with the connection', () => {
  it.each([0, 1, 2, 3, 4])(
    'leaves nothing behind when it is closed %s turns after that began',
    async (turns) => {
      const connection = new FakeConnection();
      const source = new StreamSource('t', { at: 'start' }, systemClock);
      const reader = new TopicReader(linkOf(connection), source, nobody);
      await reader.open();
      await closeWhileComingBack(reader, connection, turns);
      expect(connection.channels.every(({ isClosed }) => isClosed)).toBe(true);
    },
  );

  it('does not try by itself what the one who opens it is told', async () => {
    const connection = new FakeConnection();
    const source = new LiveSource('t');
    source.attach = async (channel) => {
      const missing = Object.assign(new Error('no exchange'), { code: 404 });
      (channel as unknown as { emit(event: string, error: Error): void }).emit('error', missing);
      await channel.close();
      throw missing;
    };
    const reader = new TopicReader(linkOf(connection), source, nobody);
    await expect(reader.open()).rejects.toMatchObject({ code: 'not-found' });
    await turn();
    await turn();
    expect(connection.channels).toHaveLength(1);
  });
});

import { expect, test } from 'vitest';
import { ManualClock } from '../../driver/testing/manual-clock.ts';
import type { AmqpParts } from '../amqp/index.ts';
import type { HttpRequest, PolymqHttp } from './http.ts';
import { PolymqQueues } from './queues.ts';

/** A server with so many messages, that shows at most `atOnce` of them at a time. */
function queueOf(count: number, atOnce = 1_000) {
  const asked: string[] = [];
  const ask = async (_what: string, { path }: HttpRequest): Promise<Record<string, unknown>> => {
    const query = new URL(path, 'http://host').searchParams;
    const offset = Number(query.get('offset') ?? 0);
    const limit = Number(query.get('limit'));
    asked.push(`${offset}+${limit}`);
    const shown = Math.max(0, Math.min(limit, atOnce, count - offset));
    const messages = Array.from({ length: shown }, (_, at) => ({
      messageId: `${offset + at}`,
      headers: {},
      publishedMs: 1,
      exchange: '',
      routingKey: 'q',
      deaths: [],
      body: '',
    }));
    return { messages, more: offset + shown < count };
  };
  const link = { context: { clock: new ManualClock(), timeoutMs: 1_000 }, add: () => {} };
  const amqp = { link, topology: {}, publisher: {} };
  const http = { ask } as unknown as PolymqHttp;
  return { asked, queues: new PolymqQueues(amqp as unknown as AmqpParts, http, '') };
}

test('looks at as many messages as asked for, page by page', async () => {
  const { asked, queues } = queueOf(5_000);
  const messages = await queues.peek('q', 2_100);
  expect(messages.map(({ id }) => id)).toEqual(Array.from({ length: 2_100 }, (_, n) => `${n}`));
  expect(asked).toEqual(['0+1000', '1000+1000', '2000+100']);
});

test('goes on behind a page that large bodies made short, and ends where there is no more', async () => {
  const { asked, queues } = queueOf(5, 2);
  expect(await queues.peek('q', 100)).toHaveLength(5);
  expect(asked).toEqual(['0+100', '2+98', '4+96']);
});

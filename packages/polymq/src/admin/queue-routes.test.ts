import { describe, expect, it } from 'vitest';
import { MessageFormats } from '../core/message/message-formats.ts';
import { writeNeutral } from '../core/message/neutral-format.ts';
import { bodies, type Kit, kit, message } from '../core/queue/testing/kit.ts';
import { queueRoutes } from './queue-routes.ts';
import { RouteTable } from './route-table.ts';
import { PLAIN_REQUEST } from './routes.ts';

type Json = Record<string, unknown>;

interface Ask extends Kit {
  get(path: string): Promise<{ status: number; body: Json }>;
  post(path: string, body: unknown): Promise<{ status: number; body: Json }>;
}

function asked(): Ask {
  const made = kit();
  const broker = { queues: made.queues, formats: new MessageFormats() };
  const table = new RouteTable(queueRoutes(broker, made.clock));
  const ask = async (method: string, target: string, body?: unknown) => {
    const [path = '', query] = target.split('?');
    const found = table.find(method, path)!;
    const request = { ...PLAIN_REQUEST, params: found.params, body };
    const answer = await found.route.handle(new URLSearchParams(query), request);
    return { status: answer.status, body: JSON.parse(answer.body) as Json };
  };
  return {
    ...made,
    get: (path) => ask('GET', path),
    post: (path, body) => ask('POST', path, body),
  };
}

/** A message with a header, as the core writes it. */
function written(text: string): ReturnType<typeof message> {
  const draft = message(text);
  const properties = writeNeutral({
    messageId: `id-${text}`,
    headers: [
      { name: 'a', value: 'b' },
      { name: 'raw', value: Buffer.from([0xff]) },
    ],
  });
  draft.format = 0;
  draft.setContent(properties, Buffer.from(text));
  return draft;
}

async function filled(...texts: string[]): Promise<Ask> {
  const made = asked();
  const q = await made.queue();
  for (const text of texts) made.queues.publish(written(text), [q]);
  return made;
}

const idsOf = (body: Json): string[] => (body['messages'] as { id: string }[]).map(({ id }) => id);

describe('queues over HTTP', () => {
  it('are listed with what is in them, page by page', async () => {
    const { get, queue } = await filled('x');
    await queue({}, {}, 'other');
    const { body } = await get('/api/v1/queues');
    expect(body['total']).toBe(2);
    expect(body['queues']).toMatchObject([
      { name: 'q', ready: 1, leased: 0, delayed: 0, consumers: 0 },
      { name: 'other', ready: 0 },
    ]);
    const page = await get('/api/v1/queues?offset=1&limit=1');
    expect(page.body['queues']).toMatchObject([{ name: 'other' }]);
    expect((await get('/api/v1/queues?limit=0')).status).toBe(400);
    expect((await get('/api/v1/queues?namespace=elsewhere')).body['total']).toBe(0);
  });

  it('say how old their oldest message is', async () => {
    const { get, queue } = await filled('x');
    expect(typeof (await get('/api/v1/queues/q')).body['oldestMs']).toBe('number');
    await queue({}, {}, 'empty');
    expect((await get('/api/v1/queues/empty')).body['oldestMs']).toBeNull();
  });

  it('say what to do when there is none of that name', async () => {
    const { get } = await filled();
    const { status, body } = await get('/api/v1/queues/nowhere');
    expect(status).toBe(404);
    expect(JSON.stringify(body)).toContain('/api/v1/queues lists what there is');
  });

  it('show their messages without any effect', async () => {
    const { get, queues } = await filled('one', 'two', 'three');
    const { body } = await get('/api/v1/queues/q/messages?limit=2');
    expect(body).toMatchObject({
      more: true,
      messages: [
        {
          messageId: 'id-one',
          headers: { a: 'b', raw: { base64: '/w==' } },
          attempts: 0,
          deaths: [],
          body: Buffer.from('one').toString('base64'),
        },
        { messageId: 'id-two' },
      ],
    });
    expect((await get('/api/v1/queues/q/messages')).body).toMatchObject({ more: false });
    expect(queues.get('', 'q')!.readyCount).toBe(3);
    for (const limit of ['0', '1001', 'x']) {
      expect((await get(`/api/v1/queues/q/messages?limit=${limit}`)).status).toBe(400);
    }
  });
});

describe('moving messages over HTTP', () => {
  it('takes those that were chosen, with other headers if that is asked for', async () => {
    const { get, post, queue, queues } = await filled('one', 'two', 'three');
    const other = await queue({}, {}, 'other');
    const [, second, third] = idsOf((await get('/api/v1/queues/q/messages')).body);
    const { status, body } = await post('/api/v1/queues/q/move', {
      to: 'other',
      ids: [third, second, second, '99-99', 'nonsense'],
      headers: { a: null, moved: 'yes' },
    });
    expect([status, body]).toEqual([200, { moved: [third, second] }]);
    expect(await bodies(queues.get('', 'q') as typeof other)).toEqual(['one']);
    const { messages } = (await get('/api/v1/queues/other/messages')).body;
    expect(messages).toMatchObject([
      { messageId: 'id-three', headers: { moved: 'yes' } },
      { messageId: 'id-two', headers: { moved: 'yes' } },
    ]);
    expect((messages as { headers: Json }[])[0]!.headers).not.toHaveProperty('a');
  });

  it('leaves what a consumer has', async () => {
    const { get, post, queue, queues } = await filled('one');
    await queue({}, {}, 'other');
    const ids = idsOf((await get('/api/v1/queues/q/messages')).body);
    const q = queues.get('', 'q')!;
    expect(await q.take()).toBeDefined();
    const { body } = await post('/api/v1/queues/q/move', { to: 'other', ids });
    expect(body).toEqual({ moved: [] });
    expect(q.leasedCount).toBe(1);
  });

  it('loses nothing to a queue that is full', async () => {
    const { get, post, queue } = await filled('one');
    await queue({ lengthMax: 1, overflow: 'reject' }, {}, 'other');
    const ids = idsOf((await get('/api/v1/queues/q/messages')).body);
    await post('/api/v1/queues/q/move', { to: 'other', ids });
    const total = [await get('/api/v1/queues/q'), await get('/api/v1/queues/other')];
    expect(total.reduce((sum, { body }) => sum + Number(body['ready']), 0)).toBe(1);
  });

  it('says what is wrong with a request', async () => {
    const { post } = await filled('one');
    const move = (body: unknown) => post('/api/v1/queues/q/move', body);
    expect((await move({ to: 'nowhere', ids: [] })).status).toBe(404);
    for (const wrong of [
      undefined,
      null,
      {},
      { to: 'q', ids: [] },
      { to: 'q', ids: 'one' },
      { to: 'q', ids: [1] },
      { to: 'q', ids: [], headers: [] },
      { to: 'q', ids: [], headers: { a: 1 } },
      { to: 'q', ids: Array.from({ length: 1001 }, () => '0-0') },
    ]) {
      expect((await move(wrong)).status, JSON.stringify(wrong)).toBe(400);
    }
  });
});

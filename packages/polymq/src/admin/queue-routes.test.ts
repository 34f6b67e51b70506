import { describe, expect, it } from 'vitest';
import { Alarms } from '../core/alarms.ts';
import { MessageFormats } from '../core/message/message-formats.ts';
import { writeNeutral } from '../core/message/neutral-format.ts';
import { DedupWindow } from '../core/queue/dedup-window.ts';
import { bodies, type Kit, kit, message } from '../core/queue/testing/kit.ts';
import { queueRoutes } from './queue-routes.ts';
import { RouteTable } from './route-table.ts';
import { PLAIN_REQUEST } from './routes.ts';

type Json = Record<string, unknown>;

interface Ask extends Kit {
  alarms: Alarms;
  get(path: string): Promise<{ status: number; body: Json }>;
  post(path: string, body: unknown): Promise<{ status: number; body: Json }>;
}

function asked(): Ask {
  const made = kit();
  const { clock, store } = made;
  const dedup = new DedupWindow({ store, clock, timers: clock });
  const alarms = new Alarms();
  const broker = { queues: made.queues, formats: new MessageFormats(), dedup, alarms };
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
    alarms,
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

  it('show their messages page by page', async () => {
    const { get } = await filled('one', 'two', 'three');
    const page = async (query: string): Promise<unknown[]> => {
      const { body } = await get(`/api/v1/queues/q/messages?${query}`);
      const messages = body['messages'] as { messageId: string }[];
      return [messages.map(({ messageId }) => messageId), body['more']];
    };
    expect(await page('offset=0&limit=2')).toEqual([['id-one', 'id-two'], true]);
    expect(await page('offset=1&limit=1')).toEqual([['id-two'], true]);
    expect(await page('offset=2&limit=2')).toEqual([['id-three'], false]);
    expect(await page('offset=3&limit=2')).toEqual([[], false]);
    for (const offset of ['100001', '-1', 'x']) {
      expect((await get(`/api/v1/queues/q/messages?offset=${offset}`)).status).toBe(400);
    }
  });
});

describe('sending messages over HTTP', () => {
  const sending = (id: string, more: Json = {}): Json => ({
    id,
    body: Buffer.from(id).toString('base64'),
    ...more,
  });
  const path = '/api/v1/queues/q/messages';

  it('puts them into the queue, with all they say', async () => {
    const { get, post } = await filled();
    const facts = {
      contentType: 'text/plain',
      type: 'order',
      headers: { a: 'ä' },
      timestampMs: 1234,
      correlationId: 'c',
      replyTo: 'r',
    };
    const messages = [
      sending('one', { ...facts, key: 'k', priority: 3 }),
      sending('two', { delayMs: 60_000 }),
      sending('three', { ttlMs: 60_000 }),
    ];
    const { status, body } = await post(path, { messages });
    expect(status).toBe(200);
    expect(body).toEqual({
      messages: ['one', 'two', 'three'].map((id) => ({ id, duplicate: false })),
    });
    const there = await get(path);
    expect(there.body['messages']).toMatchObject([
      {
        ...facts,
        messageId: 'one',
        headers: { a: 'ä', 'polymq-key': 'k' },
        key: Buffer.from('k').toString('base64'),
        priority: 3,
        routingKey: 'q',
        body: Buffer.from('one').toString('base64'),
      },
      { messageId: 'three' },
    ]);
    expect((await get('/api/v1/queues/q')).body).toMatchObject({ ready: 2, delayed: 1 });
  });

  it('knows an id for five minutes, in one queue', async () => {
    const { post, queue, queues, clock } = await filled();
    const twins = [sending('one', { dedupe: 'd' }), sending('two', { dedupe: 'd' })];
    const { body } = await post(path, { messages: twins });
    const [first, second] = [
      { id: 'one', duplicate: false },
      { id: 'two', duplicate: true },
    ];
    expect(body['messages']).toEqual([first, second]);
    const again = async (to: string): Promise<unknown> =>
      (await post(`/api/v1/queues/${to}/messages`, { messages: [twins[1]] })).body['messages'];
    expect(await again('q')).toEqual([second]);
    await queue({}, {}, 'other');
    expect(await again('other')).toEqual([{ ...second, duplicate: false }]);
    clock.advance(5 * 60_000);
    expect(await again('q')).toEqual([{ ...second, duplicate: false }]);
    expect(queues.get('', 'q')!.readyCount).toBe(2);
  });

  it('says which of them a full queue has refused, and forgets their ids', async () => {
    const { post, queue, queues } = asked();
    await queue({ lengthMax: 1, overflow: 'reject' });
    const messages = ['one', 'two'].map((id) => sending(id, { dedupe: id }));
    const { body } = await post(path, { messages });
    expect(body['messages']).toMatchObject([
      { id: 'one', duplicate: false },
      { id: 'two', error: { code: 'queue-full' } },
    ]);
    await queues.get('', 'q')!.purge();
    const second = await post(path, { messages: [messages[1]] });
    expect(second.body['messages']).toEqual([{ id: 'two', duplicate: false }]);
  });

  it('keeps the order of a key, in queues that do', async () => {
    const { post, queue, queues } = asked();
    await queue({ groups: true });
    const messages = ['one', 'two'].map((id) => sending(id, { key: 'k' }));
    await post(path, { messages });
    const q = queues.get('', 'q')!;
    const row = q.take() as number;
    expect(q.take()).toBeUndefined();
    q.ack(row);
    expect(q.take()).toBeTypeOf('number');
  });

  it('sends none if one is malformed', async () => {
    const { post, queues } = await filled();
    const malformed: Json[] = [
      { id: 1 },
      { body: 'ä' },
      { headers: { a: 1 } },
      { key: {} },
      { dedupe: 'x'.repeat(1025) },
      { priority: 256 },
      { delayMs: -1 },
      { ttlMs: 1.5 },
      { timestampMs: 'now' },
    ];
    for (const wrong of malformed) {
      const { status, body } = await post(path, { messages: [sending('a'), sending('b', wrong)] });
      expect([status, (body['error'] as Json)['code']], JSON.stringify(wrong)).toEqual([
        400,
        'invalid-request',
      ]);
    }
    for (const messages of [[], 'x', Array(1001).fill(sending('a'))]) {
      expect((await post(path, { messages })).status).toBe(400);
    }
    expect(queues.get('', 'q')!.readyCount).toBe(0);
  });

  it('refuses while memory or disk are short', async () => {
    const { post, alarms } = await filled();
    alarms.set('disk', true);
    const { status, body } = await post(path, { messages: [sending('a')] });
    expect([status, body['error']]).toMatchObject([503, { code: 'held-back' }]);
    alarms.set('disk', false);
    expect((await post(path, { messages: [sending('a')] })).status).toBe(200);
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

  it('puts a message down in the batch that its removal is in', async () => {
    const { get, post, queue, store } = await filled('one');
    await queue({}, {}, 'other');
    const ids = idsOf((await get('/api/v1/queues/q/messages')).body);
    const calls: string[] = [];
    for (const name of ['together', 'put', 'remove'] as const) {
      const original = store[name].bind(store) as (...args: never[]) => void;
      Object.assign(store, {
        [name]: (...args: never[]) => {
          calls.push(name);
          original(...args);
        },
      });
    }
    await post('/api/v1/queues/q/move', { to: 'other', ids });
    expect(calls).toEqual(['together', 'remove', 'put']);
  });

  it('keeps the order of a key, in queues that do', async () => {
    const { get, post, queue } = asked();
    await queue();
    const other = await queue({ groups: true }, {}, 'other');
    const messages = ['b25l', 'dHdv'].map((body) => ({ id: body, body, key: 'k' }));
    await post('/api/v1/queues/q/messages', { messages });
    const ids = idsOf((await get('/api/v1/queues/q/messages')).body);
    expect((await post('/api/v1/queues/q/move', { to: 'other', ids })).body).toEqual({
      moved: ids,
    });
    expect(other.groupIdOf(other.take() as number)).toBe('k');
    expect(other.take()).toBeUndefined();
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

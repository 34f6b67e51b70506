import { expect, test } from 'vitest';
import { StreamEventLog } from '../core/event-log/open-event-log.ts';
import { openDocuments } from '../core/meta/open-documents.ts';
import { openKit } from '../core/stream/testing/kit.ts';
import { eventLogRoutes } from './event-log-routes.ts';
import { RouteTable } from './route-table.ts';
import type { Answer } from './routes.ts';

interface Api {
  call(
    method: 'GET' | 'POST',
    url: string,
    body?: unknown,
  ): Promise<{ status: number; body: never }>;
}

async function withApi(work: (api: Api) => Promise<void>): Promise<void> {
  const kit = await openKit();
  const { streams, environment } = kit;
  const eventLog = new StreamEventLog({ streams, documents: openDocuments(kit.meta), environment });
  const table = new RouteTable(eventLogRoutes({ eventLog }));
  try {
    await work({
      call: async (method, url, body) => {
        const [path = '', query = ''] = url.split('?');
        const { route, params } = table.find(method, path)!;
        const { signal } = new AbortController();
        const answer: Answer = await route.handle(new URLSearchParams(query), {
          params,
          body,
          signal,
        });
        return { status: answer.status, body: JSON.parse(answer.body) as never };
      },
    });
  } finally {
    eventLog.close();
    await kit.destroy();
  }
}

const event = (text: string): object => ({
  ...{ id: text, type: 'said', contentType: 'text/plain', headers: { a: 'b' }, timestampMs: 5 },
  body: Buffer.from(text).toString('base64'),
});

test('appends, reads a stream and the whole store, and waits', () =>
  withApi(async ({ call }) => {
    const url = '/api/v1/events/bank/streams/acc%2F1';
    const waiting = call('GET', '/api/v1/events/bank?waitMs=20000');
    const appended = await call('POST', url, { expected: 0, events: [event('one'), event('two')] });
    expect(appended).toEqual({
      ...{ status: 200, body: { version: 2, position: '2', duplicate: false } },
    });
    expect(await waiting).toMatchObject({ status: 200, body: { events: [{ id: 'one' }, {}] } });
    const read = await call('GET', `${url}?from=2`);
    expect(read.body).toEqual({
      version: 2,
      events: [{ ...event('two'), stream: 'acc/1', version: 2, position: '2' }],
    });
    const rest = await call('GET', '/api/v1/events/bank?after=1&max=10');
    expect(rest.body).toMatchObject({ events: [{ id: 'two' }] });
    expect(await call('GET', `${url}?max=0`)).toMatchObject({ body: { version: 2, events: [] } });
  }));

test('answers a conflict with the version that there is', () =>
  withApi(async ({ call }) => {
    const url = '/api/v1/events/bank/streams/acc';
    await call('POST', url, { events: [event('one')] });
    expect(await call('POST', url, { expected: 0, events: [event('other')] })).toMatchObject({
      ...{ status: 409, body: { error: { code: 'version-conflict' }, version: 1 } },
    });
  }));

test('refuses what is malformed and says what is wrong', () =>
  withApi(async ({ call }) => {
    const url = '/api/v1/events/bank/streams/acc';
    const wrong: [unknown, RegExp][] = [
      [undefined, /"events" must be/],
      [{ events: [] }, /"events" must be/],
      [{ expected: -1, events: [event('x')] }, /"expected" must be/],
      [{ events: [{ ...event('x'), id: 5 }] }, /"id"/],
      [{ events: [{ ...event('x'), body: 'ä' }] }, /base64/],
      [{ events: [{ ...event('x'), headers: { a: 1 } }] }, /"headers"/],
      [{ events: [{ ...event('x'), type: 1 }] }, /"type"/],
      [{ events: [{ ...event('x'), timestampMs: 'now' }] }, /"timestampMs"/],
    ];
    for (const [body, message] of wrong) {
      const answer = await call('POST', url, body);
      expect(answer.status).toBe(400);
      expect(answer.body).toMatchObject({ error: { message: expect.stringMatching(message) } });
    }
    expect((await call('GET', `${url}?max=20000`)).status).toBe(400);
    expect((await call('GET', '/api/v1/events/bank?waitMs=x')).status).toBe(400);
    expect((await call('GET', '/api/v1/events/bank?after=x')).status).toBe(400);
  }));

import { describe, expect, it } from 'vitest';
import type { AddressRules } from '../../../../lib/environment/address-rules.ts';
import {
  type Outbound,
  OutboundError,
  type OutboundErrorCode,
  type OutboundRequest,
} from '../../../../lib/environment/outbound.ts';
import { outboundPost } from './outbound-post.ts';
import { isFailure, type PostRequest, statusFailure } from './post.ts';

const REQUEST: PostRequest = {
  url: 'http://example.com/hook',
  headers: { 'content-type': 'text/plain' },
  body: 'hello',
  trusted: false,
};

function failing(code: OutboundErrorCode, status?: number): Outbound {
  return { request: async () => Promise.reject(new OutboundError(code, 'no', status)) };
}

async function rulesOf(trusted: boolean): Promise<AddressRules> {
  let seen: OutboundRequest | undefined;
  const outbound: Outbound = {
    request: async (request) => {
      seen = request;
      return { status: 200, headers: new Map(), body: Buffer.alloc(0) };
    },
  };
  const post = outboundPost(outbound, ['10.0.0.0/8'], new AbortController().signal);
  await post({ ...REQUEST, trusted });
  return seen!.allow!;
}

describe('a post', () => {
  it.each<[OutboundErrorCode, boolean]>([
    ['bad-url', false],
    ['bad-request', false],
    ['refused-address', false],
    ['resolve', true],
    ['connect', true],
    ['tls', true],
    ['timeout', true],
    ['connection-lost', true],
    ['bad-answer', true],
    ['busy', true],
    ['aborted', true],
  ])('that fails with %s may be tried again: %s', async (code, retry) => {
    const post = outboundPost(failing(code), [], new AbortController().signal);
    expect(await post(REQUEST)).toMatchObject({ retry, code });
  });

  it('whose answer is too long counts by its status', async () => {
    const { signal } = new AbortController();
    const yes = await outboundPost(failing('response-too-large', 200), [], signal)(REQUEST);
    expect(isFailure(yes) ? yes : yes.status).toBe(200);
    const no = await outboundPost(failing('response-too-large', 404), [], signal)(REQUEST);
    expect(no).toMatchObject({ status: 404 });
  });

  it('may reach private addresses that are allowed, and all where the operator named the target', async () => {
    const restricted = await rulesOf(false);
    expect(restricted.allows('10.1.2.3')).toBe(true);
    expect(restricted.allows('127.0.0.1')).toBe(false);
    const trusted = await rulesOf(true);
    expect(trusted.allows('127.0.0.1')).toBe(true);
  });

  it('that breaks the broker is no failure of the endpoint', async () => {
    const outbound: Outbound = { request: async () => Promise.reject(new TypeError('bug')) };
    const post = outboundPost(outbound, [], new AbortController().signal);
    await expect(post(REQUEST)).rejects.toThrow('bug');
  });
});

describe('a status', () => {
  it.each([
    [200, undefined],
    [204, undefined],
    [100, false],
    [301, false],
    [400, false],
    [410, false],
    [429, true],
    [500, true],
    [599, true],
  ])('of %i means a retry: %s', (status, retry) => {
    expect(statusFailure(status)?.retry).toBe(retry);
  });
});

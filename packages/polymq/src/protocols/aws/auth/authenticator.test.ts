import { describe, expect, it } from 'vitest';
import { AwsError, type AwsErrorCode } from '../wire/aws-error.ts';
import { createAuthenticator } from './authenticator.ts';
import {
  presignRequest,
  requestOf,
  type SignWith,
  signRequest,
  type Unsigned,
} from './testing/sign-request.ts';

const NOW_MS = Date.UTC(2026, 0, 2, 12, 0, 0);
const MINUTE_MS = 60_000;
const BY: SignWith = {
  accessKeyId: 'AKIDEXAMPLE',
  secret: 'very+secret/1',
  region: 'eu-central-1',
  service: 'sqs',
  timeMs: NOW_MS,
};
const UNSIGNED: Unsigned = {
  method: 'POST',
  target: '/000000000000/orders?Action=SendMessage&Empty=',
  headers: [
    ['host', '127.0.0.1:9324'],
    ['content-type', 'application/x-amz-json-1.0'],
    ['x-amz-target', 'AmazonSQS.SendMessage'],
    ['x-custom', 'a  b'],
  ],
  body: Buffer.from('{"MessageBody":"m"}'),
};

const authenticator = createAuthenticator(
  new Map([
    [BY.accessKeyId, BY.secret],
    ['AKIDOTHER', 'another secret'],
  ]),
  { nowMs: () => NOW_MS },
);

function refusal(parts: Unsigned): AwsErrorCode | 'accepted' {
  try {
    authenticator.authenticate(requestOf(parts));
    return 'accepted';
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    return error.code;
  }
}

function withHeader(parts: Unsigned, name: string, change: (value: string) => string): Unsigned {
  const headers = parts.headers.map(([other, value]): [string, string] => [
    other,
    other === name ? change(value) : value,
  ]);
  return { ...parts, headers };
}

function withoutHeader(parts: Unsigned, name: string): Unsigned {
  return { ...parts, headers: parts.headers.filter(([other]) => other !== name) };
}

const SIGNED = signRequest(UNSIGNED, BY);
const PRESIGNED = presignRequest(
  { ...UNSIGNED, headers: [['host', '127.0.0.1:9324']], body: Buffer.alloc(0) },
  BY,
  300,
);

describe('a signature in the header', () => {
  it('tells who signed, for which region and service', () => {
    expect(authenticator.authenticate(requestOf(SIGNED))).toEqual({
      accessKeyId: 'AKIDEXAMPLE',
      region: 'eu-central-1',
      service: 'sqs',
    });
  });

  it('does not cover what it does not name, and means the same whatever the blanks', () => {
    const proxied: Unsigned = { ...SIGNED, headers: [...SIGNED.headers, ['via', '1.1 proxy']] };
    expect(refusal(proxied)).toBe('accepted');
    expect(refusal(withHeader(SIGNED, 'x-custom', () => 'a b'))).toBe('accepted');
    const compact = withHeader(SIGNED, 'authorization', (value) => value.replaceAll(', ', ','));
    expect(refusal(compact)).toBe('accepted');
  });

  const authorization = (from: string | RegExp, to: string): Unsigned =>
    withHeader(SIGNED, 'authorization', (value) => {
      expect(value.replace(from, to)).not.toBe(value);
      return value.replace(from, to);
    });

  const MUTATIONS: readonly (readonly [what: string, parts: Unsigned, code: AwsErrorCode])[] = [
    ['another method', { ...SIGNED, method: 'GET' }, 'SignatureDoesNotMatch'],
    [
      'another path',
      { ...SIGNED, target: SIGNED.target.replace('orders', 'order') },
      'SignatureDoesNotMatch',
    ],
    [
      'another query value',
      { ...SIGNED, target: SIGNED.target.replace('SendMessage', 'SendMessages') },
      'SignatureDoesNotMatch',
    ],
    ['one parameter more', { ...SIGNED, target: `${SIGNED.target}&a=b` }, 'SignatureDoesNotMatch'],
    [
      'one parameter less',
      { ...SIGNED, target: SIGNED.target.replace('&Empty=', '') },
      'SignatureDoesNotMatch',
    ],
    [
      'another body',
      { ...SIGNED, body: Buffer.from('{"MessageBody":"n"}') },
      'SignatureDoesNotMatch',
    ],
    ['no body', { ...SIGNED, body: Buffer.alloc(0) }, 'SignatureDoesNotMatch'],
    ['another host', withHeader(SIGNED, 'host', () => 'other'), 'SignatureDoesNotMatch'],
    [
      'another action',
      withHeader(SIGNED, 'x-amz-target', () => 'AmazonSQS.DeleteQueue'),
      'SignatureDoesNotMatch',
    ],
    [
      'another time',
      withHeader(SIGNED, 'x-amz-date', () => '20260102T120001Z'),
      'SignatureDoesNotMatch',
    ],
    ['a signed header gone', withoutHeader(SIGNED, 'x-custom'), 'SignatureDoesNotMatch'],
    [
      'a signed header twice',
      { ...SIGNED, headers: [...SIGNED.headers, ['x-custom', 'c']] },
      'SignatureDoesNotMatch',
    ],
    ['another key id', authorization('AKIDEXAMPLE', 'AKIDOTHER'), 'SignatureDoesNotMatch'],
    ['an unknown key id', authorization('AKIDEXAMPLE', 'AKIDNOBODY'), 'InvalidClientTokenId'],
    ['another region', authorization('eu-central-1', 'eu-central-2'), 'SignatureDoesNotMatch'],
    ['the other service', authorization('/sqs/', '/sns/'), 'SignatureDoesNotMatch'],
    ['a service that is not here', authorization('/sqs/', '/s3/'), 'SignatureDoesNotMatch'],
    [
      'another day in the scope',
      authorization('/20260102/', '/20260103/'),
      'SignatureDoesNotMatch',
    ],
    [
      'another end of the scope',
      authorization('aws4_request', 'aws5_request'),
      'IncompleteSignature',
    ],
    ['fewer signed headers', authorization('x-custom', 'host'), 'SignatureDoesNotMatch'],
    ['an unsigned host', authorization(';host', ''), 'SignatureDoesNotMatch'],
    ['an unsigned time', authorization(';x-amz-date', ''), 'SignatureDoesNotMatch'],
    ['an unsigned action', authorization(';x-amz-target', ''), 'SignatureDoesNotMatch'],
    ['no signed headers', authorization(/SignedHeaders=[^,]*, /, ''), 'IncompleteSignature'],
    ['no credential', authorization(/Credential=[^,]*, /, ''), 'IncompleteSignature'],
    ['no signature', authorization(/, Signature=.*/, ''), 'IncompleteSignature'],
    ['an empty signature', authorization(/Signature=.*/, 'Signature='), 'IncompleteSignature'],
    ['a short signature', authorization(/.$/, ''), 'SignatureDoesNotMatch'],
    ['a signature that is no hex', authorization(/.$/, 'x'), 'SignatureDoesNotMatch'],
    ['another algorithm', authorization('HMAC-SHA256', 'HMAC-SHA1'), 'IncompleteSignature'],
    ['no time', withoutHeader(SIGNED, 'x-amz-date'), 'IncompleteSignature'],
    ['a time in words', withHeader(SIGNED, 'x-amz-date', () => 'now'), 'IncompleteSignature'],
    ['no authorization', withoutHeader(SIGNED, 'authorization'), 'MissingAuthenticationToken'],
    [
      'an empty authorization',
      withHeader(SIGNED, 'authorization', () => ''),
      'IncompleteSignature',
    ],
    ['HTTP basic', withHeader(SIGNED, 'authorization', () => 'Basic YTpi'), 'IncompleteSignature'],
  ];

  it.each(MUTATIONS)('is refused with %s', (_what, parts, code) => {
    expect(refusal(parts)).toBe(code);
  });

  it('is refused with any of its digits changed', () => {
    for (let at = 1; at <= 64; at += 1) {
      const changed = withHeader(SIGNED, 'authorization', (value) => {
        const index = value.length - at;
        const digit = value[index] === '0' ? '1' : '0';
        return `${value.slice(0, index)}${digit}${value.slice(index + 1)}`;
      });
      expect(refusal(changed)).toBe('SignatureDoesNotMatch');
    }
  });

  it('holds for a quarter of an hour, in both directions', () => {
    const signedAt = (timeMs: number) => refusal(signRequest(UNSIGNED, { ...BY, timeMs }));
    expect(signedAt(NOW_MS - 15 * MINUTE_MS)).toBe('accepted');
    expect(signedAt(NOW_MS + 15 * MINUTE_MS)).toBe('accepted');
    expect(signedAt(NOW_MS - 15 * MINUTE_MS - 1000)).toBe('RequestExpired');
    expect(signedAt(NOW_MS + 15 * MINUTE_MS + 1000)).toBe('RequestExpired');
  });

  it('is of the day of its scope', () => {
    const late = signRequest(UNSIGNED, { ...BY, scopeDate: '20260101' });
    expect(() => authenticator.authenticate(requestOf(late))).toThrow(
      "does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20260101' != '20260102'",
    );
  });

  it('may have its time in the Date header', () => {
    const dated: Unsigned = {
      ...UNSIGNED,
      headers: [...UNSIGNED.headers, ['date', new Date(NOW_MS).toUTCString()]],
    };
    const names = ['date', 'host', 'x-amz-target'];
    // The signer of the test puts x-amz-date in; the signature covers the same time.
    const signed = withoutHeader(signRequest(dated, { ...BY, signedHeaders: names }), 'x-amz-date');
    expect(refusal(signed)).toBe('accepted');
    expect(refusal(withHeader(signed, 'date', () => 'yesterday'))).toBe('IncompleteSignature');
  });

  it('covers the body whatever the client says of it', () => {
    const claimed: Unsigned = {
      ...UNSIGNED,
      headers: [...UNSIGNED.headers, ['x-amz-content-sha256', 'UNSIGNED-PAYLOAD']],
    };
    const signed = signRequest(claimed, BY);
    expect(refusal(signed)).toBe('accepted');
    expect(refusal({ ...signed, body: Buffer.from('{}') })).toBe('SignatureDoesNotMatch');
  });

  it('is verified in the same way before and after its scope is known', () => {
    const fresh = createAuthenticator(new Map([[BY.accessKeyId, BY.secret]]), {
      nowMs: () => NOW_MS,
    });
    for (let round = 0; round < 200; round += 1) {
      const signed = signRequest(UNSIGNED, { ...BY, region: `region-${round % 100}` });
      expect(fresh.authenticate(requestOf(signed)).region).toBe(`region-${round % 100}`);
      const wrong = signRequest(UNSIGNED, { ...BY, region: `region-${round % 100}`, secret: 'x' });
      expect(() => fresh.authenticate(requestOf(wrong))).toThrow('does not match');
    }
  });

  it('lets nobody in without credentials, with an empty key id or the secret of nobody', () => {
    const open = createAuthenticator(new Map(), { nowMs: () => NOW_MS });
    const signed = signRequest(UNSIGNED, { ...BY, secret: 'no secret of anybody' });
    expect(() => open.authenticate(requestOf(signed))).toThrow('security token');
    const nameless = signRequest(UNSIGNED, { ...BY, accessKeyId: 'x' });
    const emptied = withHeader(nameless, 'authorization', (value) => value.replace('=x/', '=/'));
    expect(() => open.authenticate(requestOf(emptied))).toThrow('Credential must have');
  });
});

describe('a presigned URL', () => {
  it('tells who signed', () => {
    expect(authenticator.authenticate(requestOf(PRESIGNED)).accessKeyId).toBe('AKIDEXAMPLE');
  });

  const changed = (from: string | RegExp, to: string): Unsigned => {
    expect(PRESIGNED.target.replace(from, to)).not.toBe(PRESIGNED.target);
    return { ...PRESIGNED, target: PRESIGNED.target.replace(from, to) };
  };

  const MUTATIONS: readonly (readonly [what: string, parts: Unsigned, code: AwsErrorCode])[] = [
    ['a longer life', changed('Expires=300', 'Expires=301'), 'SignatureDoesNotMatch'],
    ['another parameter', changed('SendMessage', 'DeleteMessage'), 'SignatureDoesNotMatch'],
    ['one more parameter', changed('?', '?a=b&'), 'SignatureDoesNotMatch'],
    ['another path', changed('orders', 'others'), 'SignatureDoesNotMatch'],
    ['a path without its slash', changed('/000000000000', '000000000000'), 'SignatureDoesNotMatch'],
    ['a body', { ...PRESIGNED, body: Buffer.from('Action=DeleteQueue') }, 'SignatureDoesNotMatch'],
    ['another host', withHeader(PRESIGNED, 'host', () => 'other'), 'SignatureDoesNotMatch'],
    ['an unknown key id', changed('AKIDEXAMPLE', 'AKIDNOBODY'), 'InvalidClientTokenId'],
    ['no life', changed('&X-Amz-Expires=300', ''), 'IncompleteSignature'],
    ['two lives', changed('Expires=300', 'Expires=300&X-Amz-Expires=9'), 'IncompleteSignature'],
    ['no signature', changed(/&X-Amz-Signature=.*/, ''), 'IncompleteSignature'],
    ['no signed host', changed('SignedHeaders=host', 'SignedHeaders=via'), 'SignatureDoesNotMatch'],
    [
      'an unsigned action',
      { ...PRESIGNED, headers: [...PRESIGNED.headers, ['x-amz-target', 'AmazonSQS.PurgeQueue']] },
      'SignatureDoesNotMatch',
    ],
    [
      'an unsigned word on its body',
      {
        ...PRESIGNED,
        headers: [...PRESIGNED.headers, ['x-amz-content-sha256', 'UNSIGNED-PAYLOAD']],
        body: Buffer.from('x'),
      },
      'SignatureDoesNotMatch',
    ],
  ];

  it.each(MUTATIONS)('is refused with %s', (_what, parts, code) => {
    expect(refusal(parts)).toBe(code);
  });

  it('holds for as long as it says, a week at most', () => {
    const parts: Unsigned = { ...UNSIGNED, headers: [['host', 'h']], body: Buffer.alloc(0) };
    const signedAt = (timeMs: number, expiresSeconds: number) =>
      refusal(presignRequest(parts, { ...BY, timeMs }, expiresSeconds));
    expect(signedAt(NOW_MS - 299_000, 300)).toBe('accepted');
    expect(signedAt(NOW_MS - 300_000, 300)).toBe('RequestExpired');
    expect(signedAt(NOW_MS - 604_799_000, 604_800)).toBe('accepted');
    expect(signedAt(NOW_MS, 604_801)).toBe('IncompleteSignature');
    expect(signedAt(NOW_MS, 0)).toBe('IncompleteSignature');
    expect(signedAt(NOW_MS + 16 * MINUTE_MS, 300)).toBe('RequestExpired');
  });

  it('may leave the body open, if that is signed', () => {
    const open = presignRequest(
      {
        ...UNSIGNED,
        target: '/?Action=SendMessage&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD',
        headers: [['host', 'h']],
      },
      BY,
      300,
    );
    expect(refusal(open)).toBe('accepted');
    expect(refusal({ ...open, body: Buffer.from('MessageBody=other') })).toBe('accepted');
    const closed = { ...open, target: open.target.replace('UNSIGNED-PAYLOAD', 'STREAMING') };
    expect(refusal(closed)).toBe('SignatureDoesNotMatch');
  });

  it('takes a blank as plus and as %20 for the same, and a plus for something else', () => {
    const parts: Unsigned = { ...UNSIGNED, headers: [['host', 'h']], body: Buffer.alloc(0) };
    const signed = presignRequest({ ...parts, target: '/?MessageBody=a%20b' }, BY, 300);
    expect(refusal({ ...signed, target: signed.target.replace('a%20b', 'a+b') })).toBe('accepted');
    expect(refusal({ ...signed, target: signed.target.replace('a%20b', 'a%2Bb') })).toBe(
      'SignatureDoesNotMatch',
    );
  });
});

describe('the scope of a request that nobody verifies', () => {
  it('is read from the header or the URL', () => {
    const wanted = { accessKeyId: 'AKIDEXAMPLE', region: 'eu-central-1', service: 'sqs' };
    expect(authenticator.scopeOf(requestOf(SIGNED))).toMatchObject(wanted);
    expect(authenticator.scopeOf(requestOf(PRESIGNED))).toMatchObject(wanted);
  });

  it('is nothing where nothing is said, or nothing sensible', () => {
    expect(authenticator.scopeOf(requestOf(UNSIGNED))).toBeUndefined();
    for (const value of [
      '',
      'Basic YTpi',
      'AWS4-HMAC-SHA256 Credential=a/b/c',
      'a,'.repeat(9999),
    ]) {
      const parts = withHeader(SIGNED, 'authorization', () => value);
      expect(authenticator.scopeOf(requestOf(parts))).toBeUndefined();
    }
  });
});

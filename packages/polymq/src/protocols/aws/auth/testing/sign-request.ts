/** Signs requests as clients do, for tests. The SDKs' own signatures are checked elsewhere. */
import type { HttpRequest } from '../../../../net/http/http-exchange.ts';
import { signatureOf } from '../signature.ts';
import { isoBasic, readSignedRequest } from '../signed-request.ts';
import { deriveSigningKey } from '../signing-keys.ts';

type Headers = readonly (readonly [name: string, value: string])[];

export interface Unsigned {
  readonly method: string;
  readonly target: string;
  /** In lower case. */
  readonly headers: Headers;
  readonly body: Buffer;
}

export interface SignWith {
  readonly accessKeyId: string;
  readonly secret: string;
  readonly region: string;
  readonly service: string;
  readonly timeMs: number;
  /** The day in the scope, if not that of the time. */
  readonly scopeDate?: string;
  /** Instead of all. */
  readonly signedHeaders?: readonly string[];
}

export function requestOf({ method, target, headers, body }: Unsigned): HttpRequest {
  const header = (wanted: string): string | undefined => {
    const values = headers.filter(([name]) => name === wanted).map(([, value]) => value);
    return values.length === 0 ? undefined : values.join(', ');
  };
  return { method, target, headers, header, body };
}

/** With an `Authorization` header. */
export function signRequest(parts: Unsigned, by: SignWith): Unsigned {
  const headers: Headers = [...parts.headers, ['x-amz-date', isoBasic(by.timeMs)]];
  const names = by.signedHeaders ?? headers.map(([name]) => name).sort();
  const authorize = (signature: string): Unsigned => ({
    ...parts,
    headers: [
      ...headers,
      [
        'authorization',
        `AWS4-HMAC-SHA256 Credential=${credentialOf(by)}, SignedHeaders=${names.join(';')}, Signature=${signature}`,
      ],
    ],
  });
  return authorize(sign(authorize('unknown'), by));
}

/** With everything in the target's query. */
export function presignRequest(parts: Unsigned, by: SignWith, expiresSeconds: number): Unsigned {
  const names = by.signedHeaders ?? parts.headers.map(([name]) => name).sort();
  const query = [
    'X-Amz-Algorithm=AWS4-HMAC-SHA256',
    `X-Amz-Credential=${encodeURIComponent(credentialOf(by))}`,
    `X-Amz-Date=${isoBasic(by.timeMs)}`,
    `X-Amz-Expires=${expiresSeconds}`,
    `X-Amz-SignedHeaders=${encodeURIComponent(names.join(';'))}`,
  ].join('&');
  const target = `${parts.target}${parts.target.includes('?') ? '&' : '?'}${query}`;
  const authorize = (signature: string): Unsigned => ({
    ...parts,
    target: `${target}&X-Amz-Signature=${signature}`,
  });
  return authorize(sign(authorize('unknown'), by));
}

function credentialOf(by: SignWith): string {
  return `${by.accessKeyId}/${dayOf(by)}/${by.region}/${by.service}/aws4_request`;
}

function dayOf({ scopeDate, timeMs }: SignWith): string {
  return scopeDate ?? isoBasic(timeMs).slice(0, 8);
}

function sign(parts: Unsigned, by: SignWith): string {
  const request = requestOf(parts);
  const { region, service } = by;
  const key = deriveSigningKey(by.secret, { date: dayOf(by), region, service });
  return signatureOf(request, readSignedRequest(request), key).toString('hex');
}

/**
 * The canonical form of a request, which is what was signed:
 *
 *   METHOD ⏎ path ⏎ query, sorted ⏎ name:value of each signed header ⏎ ⏎ names ⏎ SHA-256 of the body in hex
 *
 * It is made from the bytes that came in, so whatever a proxy or an attacker changed on the way shows. Values with the same meaning to
 * us (`+` and `%20` in a query) have the same form, and such with another meaning never have.
 */
import { hash } from 'node:crypto';
import type { HttpRequest } from '../../../net/http/http-exchange.ts';
import type { FormPairs } from '../wire/form.ts';
import type { SignedRequest } from './signed-request.ts';

export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';

const SIGNATURE = 'X-Amz-Signature';
const RESERVED = /[!'()*]/g;
/** A lone one cannot be encoded, and becomes U+FFFD. */
const SURROGATE = /[\ud800-\udfff]/;

export function canonicalRequest(request: HttpRequest, signed: SignedRequest): string {
  const presigned = signed.expiresSeconds !== undefined;
  return [
    request.method,
    canonicalPath(request.target),
    canonicalQuery(presigned ? signed.query.filter(([name]) => name !== SIGNATURE) : signed.query),
    ...signed.signedHeaders.map((name) => `${name}:${canonicalHeader(request, name)}`),
    '',
    signed.signedHeaders.join(';'),
    presigned && isUnsignedPayload(request, signed.query) ? UNSIGNED_PAYLOAD : sha256(request.body),
  ].join('\n');
}

export function sha256(data: Buffer | string): string {
  return hash('sha256', data, 'hex');
}

/** Whoever presigns does not know the body yet, and may say so; both ways of saying it are signed themselves. */
function isUnsignedPayload(request: HttpRequest, query: FormPairs): boolean {
  return (
    query.some(([name, value]) => name === 'X-Amz-Content-Sha256' && value === UNSIGNED_PAYLOAD) ||
    request.header('x-amz-content-sha256') === UNSIGNED_PAYLOAD
  );
}

/** Without dot segments and doubled slashes; escaped once more, as all services but S3 have it. */
function canonicalPath(target: string): string {
  const query = target.indexOf('?');
  const path = query < 0 ? target : target.slice(0, query);
  if (!path.startsWith('/')) return path;
  const steps: string[] = [];
  for (const step of path.split('/')) {
    if (step === '..') steps.pop();
    else if (step !== '' && step !== '.') steps.push(escapeUri(step));
  }
  const trailing = steps.length > 0 && /\/\.{0,2}$/.test(path) ? '/' : '';
  return `/${steps.join('/')}${trailing}`;
}

function canonicalQuery(query: FormPairs): string {
  return query
    .map(([name, value]) => [escapeUri(name), escapeUri(value)] as const)
    .sort((a, b) => compare(a[0], b[0]) || compare(a[1], b[1]))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** By code units, which here are ASCII. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function canonicalHeader(request: HttpRequest, name: string): string {
  const values: string[] = [];
  for (const [other, value] of request.headers) {
    if (other === name) values.push(value.trim().replace(/ {2,}/g, ' '));
  }
  return values.join(',');
}

/** Everything but letters, digits and `-._~`. */
function escapeUri(text: string): string {
  const encodable = SURROGATE.test(text) ? Buffer.from(text).toString() : text;
  return encodeURIComponent(encodable).replace(
    RESERVED,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

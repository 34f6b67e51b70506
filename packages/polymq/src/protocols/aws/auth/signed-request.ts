/**
 * Where a request says who signed it, and how (AWS Signature Version 4):
 *
 *   Authorization: AWS4-HMAC-SHA256 Credential=<key id>/<scope>, SignedHeaders=host;x-amz-date, Signature=<64 hex digits>
 *   ?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=…&X-Amz-Date=…&X-Amz-Expires=…&X-Amz-SignedHeaders=…&X-Amz-Signature=…
 *
 *   scope: yyyymmdd/region/service/aws4_request
 *
 * Nothing is verified here beyond the form. The header wins where both are there.
 */
import type { HttpRequest } from '../../../net/http/http-exchange.ts';
import { AwsError } from '../wire/aws-error.ts';
import { type FormPairs, parseQueryString } from '../wire/form.ts';

export const ALGORITHM = 'AWS4-HMAC-SHA256';

export interface CredentialScope {
  readonly accessKeyId: string;
  readonly date: string;
  readonly region: string;
  readonly service: string;
}

export interface SignedRequest {
  readonly scope: CredentialScope;
  /** In lower case, in the order of the request. */
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** `yyyymmddThhmmssZ`. */
  readonly date: string;
  /** Of a presigned one: for how long it is valid. */
  readonly expiresSeconds: number | undefined;
  /** The parameters in the target, decoded. */
  readonly query: FormPairs;
}

const USUAL_START = `${ALGORITHM} Credential=`;
const SIGNED_HEADERS_MAX = 100;
const HEADER_NAMES = /^[!#$%&'*+.^_`|~0-9a-z-]+(?:;[!#$%&'*+.^_`|~0-9a-z-]+)*$/;
const SCOPE = /^([\w+=,.@-]{1,128})\/(\d{8})\/([a-z0-9-]{1,64})\/([a-z0-9-]{1,64})\/aws4_request$/;
const ISO_BASIC = /^\d{8}T\d{6}Z$/;
const EXPIRES = /^\d{1,9}$/;

/** Throws `MissingAuthenticationToken` if nobody signed it, `IncompleteSignature` if the signature lacks something. */
export function readSignedRequest(request: HttpRequest): SignedRequest {
  const query = parseQueryString(request.target);
  const authorization = request.header('authorization');
  if (authorization !== undefined) return fromHeader(request, authorization, query);
  if (query.some(([name]) => name === 'X-Amz-Algorithm')) return fromQuery(query);
  throw new AwsError('MissingAuthenticationToken', 'Request is missing Authentication Token');
}

/** Whom and what for the request claims to be signed; undefined if it does not say. Nothing is verified. */
export function readCredentialScope(request: HttpRequest): CredentialScope | undefined {
  const authorization = request.header('authorization');
  const credential =
    authorization === undefined
      ? firstOf(parseQueryString(request.target), 'X-Amz-Credential')
      : (credentialIn(authorization) ?? partsOf(authorization).get('Credential'));
  return credential === undefined ? undefined : lastScope(credential);
}

/** Where SDKs write it: as the first part, with a comma behind it. */
function credentialIn(authorization: string): string | undefined {
  if (!authorization.startsWith(USUAL_START)) return undefined;
  const end = authorization.indexOf(',', USUAL_START.length);
  return end < 0 ? undefined : authorization.slice(USUAL_START.length, end).trim();
}

/** Clients come with the same one again and again. */
let known: { credential: string; scope: CredentialScope | undefined } | undefined;

function lastScope(credential: string): CredentialScope | undefined {
  if (known?.credential !== credential) known = { credential, scope: parseScope(credential) };
  return known.scope;
}

function fromHeader(request: HttpRequest, authorization: string, query: FormPairs): SignedRequest {
  const parts = partsOf(authorization);
  const algorithm = authorization.split(' ', 1)[0]!;
  if (algorithm !== ALGORITHM) throw incomplete(`Unsupported AWS 'algorithm': '${algorithm}'.`);
  const need = (name: string): string => {
    const value = parts.get(name);
    if (!value) throw incomplete(`Authorization header requires '${name}' parameter.`);
    return value;
  };
  return {
    scope: scopeOf(need('Credential')),
    signedHeaders: headerNames(need('SignedHeaders')),
    signature: need('Signature'),
    date: dateOf(request),
    expiresSeconds: undefined,
    query,
  };
}

function fromQuery(query: FormPairs): SignedRequest {
  const need = (name: string): string => {
    const values = query.filter(([other]) => other === name);
    if (values.length !== 1 || values[0]![1] === '') {
      throw incomplete(`AWS query-string parameters must include '${name}', once.`);
    }
    return values[0]![1];
  };
  const algorithm = need('X-Amz-Algorithm');
  if (algorithm !== ALGORITHM) throw incomplete(`Unsupported AWS 'algorithm': '${algorithm}'.`);
  const expires = need('X-Amz-Expires');
  if (!EXPIRES.test(expires)) throw incomplete("'X-Amz-Expires' must be a number of seconds.");
  return {
    scope: scopeOf(need('X-Amz-Credential')),
    signedHeaders: headerNames(need('X-Amz-SignedHeaders')),
    signature: need('X-Amz-Signature'),
    date: checkDate(need('X-Amz-Date')),
    expiresSeconds: Number(expires),
    query,
  };
}

/** Of what stands behind the algorithm: `Name=value`, with commas and blanks between. */
function partsOf(authorization: string): Map<string, string> {
  const parts = new Map<string, string>();
  for (const part of authorization.slice(authorization.indexOf(' ') + 1).split(',', 10)) {
    const equals = part.indexOf('=');
    if (equals > 0) parts.set(part.slice(0, equals).trim(), part.slice(equals + 1).trim());
  }
  return parts;
}

function scopeOf(credential: string): CredentialScope {
  const scope = parseScope(credential);
  if (scope !== undefined) return scope;
  throw incomplete(
    'Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, ' +
      'and end in aws4_request.',
  );
}

function parseScope(credential: string): CredentialScope | undefined {
  const [, accessKeyId, date, region, service] = SCOPE.exec(credential) ?? [];
  if (!accessKeyId || !date || !region || !service) return undefined;
  return { accessKeyId, date, region, service };
}

function headerNames(text: string): string[] {
  if (!HEADER_NAMES.test(text)) throw incomplete("'SignedHeaders' must list names in lower case.");
  const names = text.split(';', SIGNED_HEADERS_MAX + 1);
  if (names.length > SIGNED_HEADERS_MAX) throw incomplete("'SignedHeaders' lists too many names.");
  return names;
}

function dateOf(request: HttpRequest): string {
  const amazon = request.header('x-amz-date');
  if (amazon !== undefined) return checkDate(amazon);
  const date = request.header('date');
  if (date === undefined) {
    throw incomplete(
      "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
    );
  }
  if (ISO_BASIC.test(date)) return date;
  const timeMs = Date.parse(date);
  if (Number.isNaN(timeMs)) throw incomplete("'Date' is no valid date.");
  return isoBasic(timeMs);
}

function checkDate(text: string): string {
  if (!ISO_BASIC.test(text)) {
    throw incomplete("Date must be in ISO-8601 'basic format', such as 20260101T120000Z.");
  }
  return text;
}

/** `yyyymmddThhmmssZ`. */
export function isoBasic(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/[-:]|\.\d+/g, '');
}

/** Milliseconds since the epoch; NaN for such as a 31st of February at 25 o'clock. */
export function parseIsoBasic(text: string): number {
  const iso = text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  return Date.parse(iso);
}

function firstOf(pairs: FormPairs, name: string): string | undefined {
  return pairs.find(([other]) => other === name)?.[1];
}

export function incomplete(message: string): AwsError {
  return new AwsError('IncompleteSignature', message);
}

/** Requests as bytes, as no SDK would send them, and signatures made by AWS's description of version 4. */
import { createHash, createHmac } from 'node:crypto';
import { request } from 'node:http';
import { type AwsPeer, REGION } from './aws-peer.ts';

export interface RawRequest {
  method?: string;
  path?: string;
  headers?: Readonly<Record<string, string>>;
  body?: string;
}

export interface RawAnswer {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: string;
  /** The code of the error, on either wire; undefined for what is none. */
  code: string | undefined;
}

type Where = Pick<AwsPeer, 'host' | 'port'>;

export function send({ host, port }: Where, raw: RawRequest): Promise<RawAnswer> {
  const { method = 'POST', path = '/', headers = {}, body = '' } = raw;
  const contentLength = method === 'GET' ? {} : { 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host, port, method, path, headers: { ...contentLength, ...headers }, agent: false },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const { statusCode: status = 0, headers: received } = incoming;
          resolve({ status, headers: received, body: text, code: codeOf(text) });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** `__type` in JSON without its namespace, `<Code>` in XML. */
function codeOf(body: string): string | undefined {
  const type = /"__type":\s*"(?:[^"#]*#)?([^"]+)"/.exec(body)?.[1];
  return type ?? /<Code>([^<]*)<\/Code>/.exec(body)?.[1];
}

export function jsonRequest(action: string, input: unknown): RawRequest {
  return {
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `AmazonSQS.${action}`,
    },
    body: typeof input === 'string' ? input : JSON.stringify(input),
  };
}

export function queryRequest(
  action: string,
  input: Readonly<Record<string, string>> = {},
  version = '2012-11-05',
): RawRequest {
  return {
    headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
    body: new URLSearchParams({ Action: action, Version: version, ...input }).toString(),
  };
}

export interface SigningOptions {
  accessKeyId: string;
  secretAccessKey: string;
  at?: Date;
  service?: string;
  region?: string;
}

/** The request with an `Authorization` header over its host, content type, target, date and body. */
export function signed(where: Where, raw: RawRequest, options: SigningOptions): RawRequest {
  const { date, scope } = scopeOf(options);
  const headers: Record<string, string> = {
    ...raw.headers,
    host: `${where.host}:${where.port}`,
    'x-amz-date': date,
  };
  const names = Object.keys(headers).sort();
  const canonical = [
    raw.method ?? 'POST',
    raw.path ?? '/',
    '',
    ...names.map((name) => `${name}:${headers[name]}`),
    '',
    names.join(';'),
    sha256(raw.body ?? ''),
  ].join('\n');
  const signature = signatureOf(canonical, { date, scope }, options);
  const authorization =
    `AWS4-HMAC-SHA256 Credential=${options.accessKeyId}/${scope}, ` +
    `SignedHeaders=${names.join(';')}, Signature=${signature}`;
  return { ...raw, headers: { ...headers, authorization } };
}

/** A GET whose signature is in its query. */
export function presigned(
  where: Where,
  path: string,
  input: Readonly<Record<string, string>>,
  options: SigningOptions & { expiresSeconds: number },
): RawRequest {
  const { date, scope } = scopeOf(options);
  const parameters: Record<string, string> = {
    ...input,
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${options.accessKeyId}/${scope}`,
    'X-Amz-Date': date,
    'X-Amz-Expires': `${options.expiresSeconds}`,
    'X-Amz-SignedHeaders': 'host',
  };
  const query = Object.keys(parameters)
    .sort()
    .map((name) => `${encode(name)}=${encode(parameters[name]!)}`)
    .join('&');
  const canonical = [
    'GET',
    path,
    query,
    `host:${where.host}:${where.port}`,
    '',
    'host',
    sha256(''),
  ].join('\n');
  const signature = signatureOf(canonical, { date, scope }, options);
  return { method: 'GET', path: `${path}?${query}&X-Amz-Signature=${signature}` };
}

function scopeOf({ at = new Date(), service = 'sqs', region = REGION }: SigningOptions): {
  date: string;
  scope: string;
} {
  const date = `${at.toISOString().replace(/[-:]|\.\d+/g, '')}`;
  return { date, scope: `${date.slice(0, 8)}/${region}/${service}/aws4_request` };
}

function signatureOf(
  canonical: string,
  { date, scope }: { date: string; scope: string },
  { secretAccessKey }: SigningOptions,
): string {
  const toSign = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n');
  let key: string | Buffer = `AWS4${secretAccessKey}`;
  for (const part of scope.split('/')) key = createHmac('sha256', key).update(part).digest();
  return createHmac('sha256', key).update(toSign).digest('hex');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function encode(text: string): string {
  const hex = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text).replace(/[!'()*]/g, hex);
}

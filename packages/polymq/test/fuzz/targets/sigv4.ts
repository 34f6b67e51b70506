/**
 * Signed requests, as `METHOD target`, header lines, an empty line and the body. Whatever is accepted has to mean what one of the signed
 * requests meant: nobody who cannot sign gets another action, parameter, body or host past the check.
 */
import { isDeepStrictEqual } from 'node:util';
import { createAuthenticator } from '../../../src/protocols/aws/auth/index.ts';
import {
  presignRequest,
  requestOf,
  type SignWith,
  signRequest,
  type Unsigned,
} from '../../../src/protocols/aws/auth/testing/sign-request.ts';
import { AwsError, parseQueryString } from '../../../src/protocols/aws/wire/index.ts';
import { type FuzzTarget, WrongResult } from '../target.ts';

const NOW_MS = Date.UTC(2026, 0, 2, 12, 0, 0);
const BY: SignWith = {
  accessKeyId: 'AKIDEXAMPLE',
  secret: 'a secret',
  region: 'eu-central-1',
  service: 'sqs',
  timeMs: NOW_MS,
};
const HOST = ['host', '127.0.0.1:9324'] as const;
const CODES = [
  'IncompleteSignature',
  'InvalidClientTokenId',
  'MalformedQueryString',
  'MissingAuthenticationToken',
  'RequestExpired',
  'SignatureDoesNotMatch',
];

const UNSIGNED: readonly Unsigned[] = [
  {
    method: 'POST',
    target: '/',
    headers: [HOST, ['x-amz-target', 'AmazonSQS.SendMessage']],
    body: Buffer.from('{"QueueUrl":"http://127.0.0.1:9324/000000000000/q","MessageBody":"m"}'),
  },
  {
    method: 'POST',
    target: '/000000000000/q',
    headers: [HOST, ['content-type', 'application/x-www-form-urlencoded']],
    body: Buffer.from('Action=SendMessage&Version=2012-11-05&MessageBody=a+b'),
  },
  {
    method: 'GET',
    target: '/?Action=ConfirmSubscription&Token=a%20b%2Bc&TopicArn=arn%3Aaws',
    headers: [HOST],
    body: Buffer.alloc(0),
  },
];

export function sigv4(): FuzzTarget {
  const authenticator = createAuthenticator(
    new Map([
      [BY.accessKeyId, BY.secret],
      ['AKIDOTHER', 'another secret'],
    ]),
    { nowMs: () => NOW_MS },
  );
  const open: Unsigned = { ...UNSIGNED[2]!, body: Buffer.alloc(0) };
  const signed = [
    ...UNSIGNED.map((parts) => signRequest(parts, BY)),
    ...UNSIGNED.map((parts) => presignRequest(parts, BY, 300)),
    presignRequest({ ...open, target: `${open.target}&X-Amz-Content-Sha256=x` }, BY, 300),
  ];
  const meanings = signed.map(meaningOf);
  return {
    name: 'sigv4',
    seeds: () => signed.map(write),
    run: (input) => {
      const parts = read(input);
      const request = requestOf(parts);
      authenticator.scopeOf(request);
      try {
        authenticator.authenticate(request);
      } catch (error) {
        // Names and times are always new; refusals with new words are mutated further.
        if (!(error instanceof AwsError)) throw error;
        throw new AwsError(error.code, error.message.replace(/'[\s\S]*'|\d[^ ]*/g, ''));
      }
      const meaning = meaningOf(parts);
      if (meanings.some((known) => isDeepStrictEqual(known, meaning))) return;
      throw new WrongResult(`accepted without a signature: ${JSON.stringify(meaning)}`);
    },
    allows: (error) => error instanceof AwsError && CODES.includes(error.code),
    memoryBytesMax: 64 << 10,
  };
}

/** What the broker acts upon. */
function meaningOf(parts: Unsigned): object {
  const header = (name: string) => requestOf(parts).header(name)?.replace(/ {2,}/g, ' ');
  const [path = ''] = parts.target.split('?', 1);
  return {
    method: parts.method,
    // The signature does not tell dots and doubled slashes apart, nor does the broker.
    path: path.startsWith('/') ? normalized(path) : path,
    query: parseQueryString(parts.target)
      .map(([name, value]) => `${name}=${value}`)
      .sort(),
    host: header('host'),
    action: header('x-amz-target'),
    body: parts.body.toString('latin1'),
  };
}

function normalized(path: string): string {
  return new URL(`http://host${path.replace(/\/+/g, '/')}`).pathname;
}

function write({ method, target, headers, body }: Unsigned): Buffer {
  const lines = [`${method} ${target}`, ...headers.map(([name, value]) => `${name}: ${value}`)];
  return Buffer.concat([Buffer.from(`${lines.join('\n')}\n\n`, 'latin1'), body]);
}

/** As the HTTP reader hands it out: names in lower case, values without outer blanks. */
function read(input: Buffer): Unsigned {
  const end = input.indexOf('\n\n');
  const head = input.toString('latin1', 0, end < 0 ? input.length : end);
  const [first = '', ...lines] = head.split('\n');
  const [method = '', target = ''] = first.split(' ');
  const headers = lines.map((line): [string, string] => {
    const [name = '', ...value] = line.split(':');
    return [name.toLowerCase().trim(), value.join(':').trim()];
  });
  return { method, target, headers, body: end < 0 ? Buffer.alloc(0) : input.subarray(end + 2) };
}

/**
 * Verifies who signed a request (AWS Signature Version 4), in its header or as a presigned URL.
 *
 * The order of checks is that of AWS: form, scope, time, then key and signature. Whether the key id is unknown or the signature wrong
 * takes the same time; only the words differ, as AWS's do. Session tokens are ignored: there are no temporary credentials here.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../../lib/environment/clock.ts';
import type { HttpRequest } from '../../../net/http/http-exchange.ts';
import { AwsError } from '../wire/aws-error.ts';
import { signatureOf } from './signature.ts';
import {
  type CredentialScope,
  incomplete,
  isoBasic,
  parseIsoBasic,
  readCredentialScope,
  readSignedRequest,
  type SignedRequest,
} from './signed-request.ts';
import { SigningKeys } from './signing-keys.ts';

/** Who signed, and for what. */
export interface Signer {
  readonly accessKeyId: string;
  readonly region: string;
  readonly service: string;
}

export interface Authenticator {
  /** Throws an `AwsError` unless the request is signed by a credential, for SQS or SNS, and in time. */
  authenticate(request: HttpRequest): Signer;
  /** Whom and what for the request claims to be signed, if it says so. Nothing is verified. */
  scopeOf(request: HttpRequest): CredentialScope | undefined;
}

const SERVICES: readonly string[] = ['sqs', 'sns'];
const SKEW_MINUTES = 15;
const SKEW_MS = SKEW_MINUTES * 60_000;
const EXPIRES_SECONDS_MAX = 7 * 24 * 3600;
const HEX_SHA256 = /^[0-9a-f]{64}$/;

/** What is dispatched by must be signed, or it could be changed on the way. */
const SIGNED_IF_PRESENT = ['x-amz-date', 'x-amz-target', 'x-amz-content-sha256'];

export function createAuthenticator(
  credentials: ReadonlyMap<string, string>,
  clock: Pick<Clock, 'nowMs'>,
): Authenticator {
  const keys = new SigningKeys(credentials);
  return {
    scopeOf: readCredentialScope,
    authenticate(request) {
      const signed = readSignedRequest(request);
      checkSignedHeaders(request, signed);
      checkScope(signed);
      checkTime(signed, clock.nowMs());
      const right = isRight(request, signed, keys.keyFor(signed.scope));
      const { accessKeyId, region, service } = signed.scope;
      if (!keys.knows(accessKeyId)) {
        throw new AwsError(
          'InvalidClientTokenId',
          'The security token included in the request is invalid.',
        );
      }
      if (!right) {
        throw mismatch(
          'The request signature we calculated does not match the signature you provided. Check your ' +
            'AWS Secret Access Key and signing method. Consult the service documentation for details.',
        );
      }
      keys.keep(signed.scope);
      return { accessKeyId, region, service };
    },
  };
}

function checkSignedHeaders(
  request: HttpRequest,
  { signedHeaders, expiresSeconds }: SignedRequest,
): void {
  if (!signedHeaders.includes('host')) {
    throw mismatch("'Host' must be a 'SignedHeader' in the AWS Authorization.");
  }
  for (const name of SIGNED_IF_PRESENT) {
    if (request.header(name) !== undefined && !signedHeaders.includes(name)) {
      throw mismatch(`'${name}' must be a 'SignedHeader' in the AWS Authorization.`);
    }
  }
  const dated = signedHeaders.includes('x-amz-date') || signedHeaders.includes('date');
  if (expiresSeconds === undefined && !dated) {
    throw mismatch("'X-Amz-Date' or 'Date' must be a 'SignedHeader' in the AWS Authorization.");
  }
}

function checkScope({ scope, date }: SignedRequest): void {
  if (!SERVICES.includes(scope.service)) {
    throw mismatch("Credential should be scoped to correct service: 'sqs' or 'sns'.");
  }
  if (scope.date !== date.slice(0, 8)) {
    throw mismatch(
      'Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: ' +
        `'${scope.date}' != '${date.slice(0, 8)}', from '${date}'.`,
    );
  }
}

function checkTime({ date, expiresSeconds }: SignedRequest, nowMs: number): void {
  const signedMs = parseIsoBasic(date);
  if (Number.isNaN(signedMs)) throw incomplete(`There is no such time as ${date}.`);
  if (signedMs > nowMs + SKEW_MS) {
    throw expired(
      `Signature not yet current: ${date} is still later than ${isoBasic(nowMs + SKEW_MS)} ` +
        `(${isoBasic(nowMs)} + ${SKEW_MINUTES} min.)`,
    );
  }
  if (expiresSeconds === undefined) {
    if (signedMs >= nowMs - SKEW_MS) return;
    throw expired(
      `Signature expired: ${date} is now earlier than ${isoBasic(nowMs - SKEW_MS)} ` +
        `(${isoBasic(nowMs)} - ${SKEW_MINUTES} min.)`,
    );
  }
  if (expiresSeconds < 1 || expiresSeconds > EXPIRES_SECONDS_MAX) {
    throw incomplete(`X-Amz-Expires must be from 1 to ${EXPIRES_SECONDS_MAX} seconds (a week).`);
  }
  if (nowMs >= signedMs + expiresSeconds * 1000) throw expired('Request has expired.');
}

function isRight(request: HttpRequest, signed: SignedRequest, key: Buffer): boolean {
  const wanted = signatureOf(request, signed, key);
  if (!HEX_SHA256.test(signed.signature)) return false;
  return timingSafeEqual(wanted, Buffer.from(signed.signature, 'hex'));
}

function mismatch(message: string): AwsError {
  return new AwsError('SignatureDoesNotMatch', message);
}

function expired(message: string): AwsError {
  return new AwsError('RequestExpired', message);
}

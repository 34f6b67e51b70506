import { describe, expect, it } from 'vitest';
import { signatureOf } from '../../../src/protocols/aws/auth/signature.ts';
import { readSignedRequest } from '../../../src/protocols/aws/auth/signed-request.ts';
import { deriveSigningKey } from '../../../src/protocols/aws/auth/signing-keys.ts';
import { requestOf } from './request-of.ts';
import {
  SIGV4_VECTORS,
  type SigV4Vector,
  VECTOR_DATE,
  VECTOR_SCOPE,
  VECTOR_SECRET,
} from './sigv4-vectors.ts';

const KEY = deriveSigningKey(VECTOR_SECRET, {
  date: '20150830',
  region: 'us-east-1',
  service: 'service',
});
const SESSION_TOKEN = 'x-amz-security-token';

function inHeader(vector: SigV4Vector) {
  const { method, target, headers, body, signedHeaders, signature } = vector;
  const authorization = `AWS4-HMAC-SHA256 Credential=${VECTOR_SCOPE}, SignedHeaders=${signedHeaders}, Signature=${signature}`;
  return requestOf({
    method,
    target,
    headers: [...headers, ['authorization', authorization]],
    body,
  });
}

function presigned(vector: SigV4Vector) {
  const { method, target, headers, body, presignedHeaders, presignedSignature } = vector;
  const token = headers.find(([name]) => name === SESSION_TOKEN)?.[1];
  const query = new URLSearchParams({
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': VECTOR_SCOPE,
    'X-Amz-Date': VECTOR_DATE,
    'X-Amz-SignedHeaders': presignedHeaders,
    'X-Amz-Expires': '3600',
    ...(token === undefined ? {} : { 'X-Amz-Security-Token': token }),
    'X-Amz-Signature': presignedSignature,
  });
  return requestOf({
    method,
    target: `${target}${target.includes('?') ? '&' : '?'}${query}`,
    headers: headers.filter(([name]) => !/^x-amz-(?:date|security-token)$/.test(name)),
    body,
  });
}

describe("AWS's test vectors of signatures", () => {
  it('have the signing key that the documentation gives as its example', () => {
    const scope = { date: '20120215', region: 'us-east-1', service: 'iam' };
    expect(deriveSigningKey(VECTOR_SECRET, scope).toString('hex')).toBe(
      'f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d',
    );
  });

  it.each(SIGV4_VECTORS)('have the signature in the header of $name', (vector) => {
    const request = inHeader(vector);
    const signature = signatureOf(request, readSignedRequest(request), KEY).toString('hex');
    expect(signature).toBe(vector.signature);
  });

  it.each(SIGV4_VECTORS.filter(({ presignedHeaders }) => presignedHeaders !== ''))(
    'have the signature in the presigned URL of $name',
    (vector) => {
      const request = presigned(vector);
      const signature = signatureOf(request, readSignedRequest(request), KEY).toString('hex');
      expect(signature).toBe(vector.presignedSignature);
    },
  );
});

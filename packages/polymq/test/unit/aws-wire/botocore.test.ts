import { describe, expect, it } from 'vitest';
import { createAuthenticator } from '../../../src/protocols/aws/auth/index.ts';
import { parseIsoBasic } from '../../../src/protocols/aws/auth/signed-request.ts';
import { decodeQuery, parseForm, SNS, SQS } from '../../../src/protocols/aws/wire/index.ts';
import {
  BOTOCORE_CONTENT_TYPE,
  BOTOCORE_DATE,
  BOTOCORE_HOST,
  BOTOCORE_KEY_ID,
  BOTOCORE_PRESIGNED,
  BOTOCORE_REQUESTS,
  BOTOCORE_SECRET,
} from './botocore-requests.ts';
import { requestOf } from './request-of.ts';
import { plain, structureSample } from './samples.ts';

const authenticator = createAuthenticator(new Map([[BOTOCORE_KEY_ID, BOTOCORE_SECRET]]), {
  nowMs: () => parseIsoBasic(BOTOCORE_DATE) + 1000,
});

describe('requests of botocore', () => {
  it.each(BOTOCORE_REQUESTS)('are verified and understood: $service $action', (recorded) => {
    const { service, action, target, signature } = recorded;
    const body = recorded.body.join('&');
    const request = requestOf({
      target,
      headers: [
        ['Host', BOTOCORE_HOST],
        ['Content-Type', BOTOCORE_CONTENT_TYPE],
        ['X-Amz-Date', BOTOCORE_DATE],
        [
          'Authorization',
          `AWS4-HMAC-SHA256 Credential=${BOTOCORE_KEY_ID}/20260102/eu-central-1/${service}/aws4_request, ` +
            `SignedHeaders=content-type;host;x-amz-date, Signature=${signature}`,
        ],
      ],
      body,
    });
    expect(authenticator.authenticate(request)).toEqual({
      accessKeyId: BOTOCORE_KEY_ID,
      region: 'eu-central-1',
      service,
    });
    const row = (service === 'sqs' ? SQS : SNS).actions.get(action)!;
    const expected = structureSample(row.input, 'text');
    if ('QueueUrl' in expected) expected['QueueUrl'] = `http://${BOTOCORE_HOST}/000000000000/q`;
    expect(plain(decodeQuery(row, parseForm(Buffer.from(body))))).toEqual(expected);
  });

  it.each(BOTOCORE_PRESIGNED)('are verified when presigned: %s %s', (method, target) => {
    const request = requestOf({ method, target, headers: [['Host', BOTOCORE_HOST]] });
    expect(authenticator.authenticate(request).accessKeyId).toBe(BOTOCORE_KEY_ID);
  });
});

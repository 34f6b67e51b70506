import './quiet-sdks.ts';
import * as snsClient from '@aws-sdk/client-sns';
import * as sqsClient from '@aws-sdk/client-sqs';
import AWS from 'aws-sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HttpRequest } from '../../../src/net/http/http-exchange.ts';
import { createAuthenticator } from '../../../src/protocols/aws/auth/index.ts';
import {
  type Action,
  AwsError,
  decodeJson,
  decodeQuery,
  encodeError,
  encodeJson,
  encodeXml,
  JSON_TYPE,
  parseForm,
  type ServiceTable,
  SNS,
  SQS,
  XML_TYPE,
} from '../../../src/protocols/aws/wire/index.ts';
import { plain, structureSample } from './samples.ts';
import { SdkEndpoint } from './sdk-endpoint.ts';

const REGION = 'eu-central-1';
const CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'a secret/of+20 characters' };
const REQUEST_ID = '6b4a1a3e-0000-4000-8000-000000000001';

const endpoint = new SdkEndpoint();
const authenticator = createAuthenticator(
  new Map([[CREDENTIALS.accessKeyId, CREDENTIALS.secretAccessKey]]),
  { nowMs: () => Date.now() },
);
let received: { input: object; service: string } | undefined;

beforeAll(() => endpoint.start());
afterAll(() => endpoint.stop());

function isJson(request: HttpRequest): boolean {
  return request.header('x-amz-target') !== undefined;
}

/** Verifies and decodes a request, and answers with a sample of the action's output. */
function serve(service: ServiceTable, action: Action): void {
  received = undefined;
  endpoint.answerWith = (request) => {
    const signer = authenticator.authenticate(request);
    expect(signer).toMatchObject({ accessKeyId: CREDENTIALS.accessKeyId, region: REGION });
    const output = action.output === undefined ? {} : structureSample(action.output, 'text');
    if (isJson(request)) {
      expect(request.header('x-amz-target')).toBe(`${service.targetPrefix}.${action.name}`);
      received = { input: decodeJson(action, request.body), service: signer.service };
      return { status: 200, contentType: JSON_TYPE, body: encodeJson(action, output) };
    }
    const pairs = parseForm(request.body);
    expect(Object.fromEntries(pairs)).toMatchObject({
      Action: action.name,
      Version: service.version,
    });
    received = { input: decodeQuery(action, pairs), service: signer.service };
    const body = encodeXml({ service, action, output, requestId: REQUEST_ID });
    return { status: 200, contentType: XML_TYPE, body };
  };
}

type Call = (name: string, input: object) => Promise<object>;

function version3(client: Record<string, unknown>, name: 'SQSClient' | 'SNSClient'): Call {
  const Client = client[name] as new (
    options: object,
  ) => { send(command: unknown): Promise<object> };
  return (action, input) => {
    const Command = client[`${action}Command`] as new (input: object) => unknown;
    const options = { endpoint: endpoint.url, region: REGION, credentials: CREDENTIALS };
    // The sums of samples match nothing.
    return new Client({ ...options, md5: false, maxAttempts: 1 }).send(new Command(input));
  };
}

function version2(Service: typeof AWS.SQS | typeof AWS.SNS): Call {
  return async (action, input) => {
    const client = new Service({
      endpoint: endpoint.url,
      region: REGION,
      credentials: CREDENTIALS,
      computeChecksums: false,
      paramValidation: false,
      maxRetries: 0,
    });
    const request = client.makeRequest(
      `${action.charAt(0).toLowerCase()}${action.slice(1)}`,
      input,
    );
    return (await request.promise()) as object;
  };
}

const SDKS = [
  { sdk: 'version 3', service: SQS, call: version3(sqsClient, 'SQSClient') },
  { sdk: 'version 3', service: SNS, call: version3(snsClient, 'SNSClient') },
  { sdk: 'version 2', service: SQS, call: version2(AWS.SQS) },
  { sdk: 'version 2', service: SNS, call: version2(AWS.SNS) },
];

const CALLS = SDKS.flatMap(({ sdk, service, call }) =>
  Array.from(service.actions.values(), (action) => ({
    title: `${service.service} ${action.name} of ${sdk}`,
    service,
    action,
    call,
  })),
);

/** Members with a place of their own: the SDKs dial the queue's URL. */
function inputFor(action: Action, blobsAs: 'text' | 'bytes'): Record<string, unknown> {
  const input = structureSample(action.input, blobsAs);
  return 'QueueUrl' in input ? { ...input, QueueUrl: `${endpoint.url}/000000000000/q` } : input;
}

describe('requests and answers of the SDKs', () => {
  it.each(CALLS)('are understood on both sides: $title', async ({ service, action, call }) => {
    serve(service, action);
    const output = await call(action.name, inputFor(action, 'bytes'));
    expect(received?.service).toBe(service.service);
    expect(plain(received?.input)).toEqual(inputFor(action, 'text'));
    const sent = action.output === undefined ? {} : structureSample(action.output, 'text');
    expect(plain(output)).toEqual(sent);
  });
});

describe('errors in the SDKs', () => {
  function refuseWith(service: ServiceTable, error: AwsError): void {
    endpoint.answerWith = (request) =>
      encodeError({
        wire: isJson(request) ? 'json' : 'query',
        service,
        error,
        requestId: REQUEST_ID,
      });
  }

  const [sqs3, sns3, sqs2, sns2] = SDKS.map(({ call }) => call) as [Call, Call, Call, Call];
  const input = { QueueUrl: 'set below', TopicArn: 'arn:aws:sns:us-east-1:000000000000:t' };

  async function errorOf(call: Call, action: string): Promise<Record<string, unknown>> {
    return call(action, { ...input, QueueUrl: `${endpoint.url}/000000000000/q` }).then(
      () => ({}),
      (error) => error,
    );
  }

  it('have the classes of version 3, and the codes that older programs look for', async () => {
    refuseWith(SQS, new AwsError('QueueDoesNotExist', 'The specified queue does not exist.'));
    const error = await errorOf(sqs3, 'GetQueueAttributes');
    expect(error).toBeInstanceOf(sqsClient.QueueDoesNotExist);
    expect(error).toMatchObject({
      message: 'The specified queue does not exist.',
      Error: { Code: 'AWS.SimpleQueueService.NonExistentQueue', Type: 'Sender' },
      $metadata: { httpStatusCode: 400, requestId: REQUEST_ID },
    });
    expect(await errorOf(sqs2, 'GetQueueAttributes')).toMatchObject({
      code: 'AWS.SimpleQueueService.NonExistentQueue',
      statusCode: 400,
      requestId: REQUEST_ID,
    });
  });

  it('have the codes of SNS', async () => {
    refuseWith(SNS, new AwsError('NotFound', 'Topic <t> does not exist'));
    const error = await errorOf(sns3, 'GetTopicAttributes');
    expect(error).toBeInstanceOf(snsClient.NotFoundException);
    expect(error).toMatchObject({
      message: 'Topic <t> does not exist',
      $metadata: { httpStatusCode: 404, requestId: REQUEST_ID },
    });
    expect(await errorOf(sns2, 'GetTopicAttributes')).toMatchObject({
      code: 'NotFound',
      message: 'Topic <t> does not exist',
      statusCode: 404,
      requestId: REQUEST_ID,
    });
  });

  it('are found by version 3 for every modelled error of SQS', async () => {
    for (const name of ['InvalidAttributeName', 'PurgeQueueInProgress', 'OverLimit'] as const) {
      refuseWith(SQS, new AwsError(name, 'no'));
      const error = await errorOf(sqs3, 'GetQueueAttributes');
      expect(error).toBeInstanceOf((sqsClient as Record<string, unknown>)[name]);
    }
  });
});

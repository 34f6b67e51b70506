import { describe, expect, it } from 'vitest';
import { endpointOf } from './endpoint.ts';
import type { SqsOptions } from './options.ts';

const at = (url: string, options: SqsOptions = {}, variables: Record<string, string> = {}) =>
  endpointOf(new URL(url), options, variables);

describe('the endpoint', () => {
  it('takes region and SNS from the host of AWS, and leaves credentials to the SDK', () => {
    expect(at('https://sqs.eu-west-1.amazonaws.com')).toEqual({
      sqs: 'https://sqs.eu-west-1.amazonaws.com',
      sns: 'https://sns.eu-west-1.amazonaws.com',
      region: 'eu-west-1',
      credentials: undefined,
      isAws: true,
    });
    expect(at('https://sqs.cn-north-1.amazonaws.com.cn').sns).toBe(
      'https://sns.cn-north-1.amazonaws.com.cn',
    );
  });

  it('makes up credentials for another endpoint, unless the environment has some', () => {
    const local = at('sqs://127.0.0.1:9324');
    expect(local).toMatchObject({
      sqs: 'http://127.0.0.1:9324',
      sns: 'http://127.0.0.1:9324',
      region: 'us-east-1',
      credentials: { accessKeyId: 'polymq' },
      isAws: false,
    });
    expect(at('http://h:1', {}, { AWS_PROFILE: 'p' }).credentials).toBeUndefined();
  });

  it('prefers options to the host, and the host to the environment', () => {
    const variables = { AWS_REGION: 'us-west-2' };
    expect(at('http://h:1', {}, variables).region).toBe('us-west-2');
    const url = 'https://sqs.eu-west-1.amazonaws.com';
    expect(at(url, {}, variables).region).toBe('eu-west-1');
    expect(at(url, { region: 'eu-north-1' }, variables).region).toBe('eu-north-1');
    expect(at(url, { snsEndpoint: 'http://sns' }).sns).toBe('http://sns');
  });

  it('takes keys from the URL', () => {
    expect(at('http://key:se%2Fcret@h:1').credentials).toEqual({
      accessKeyId: 'key',
      secretAccessKey: 'se/cret',
    });
  });

  it('refuses a URL that is no endpoint', () => {
    expect(() => at('amqp://h')).toThrow(/sqs:\/\/HOST:PORT/);
  });
});

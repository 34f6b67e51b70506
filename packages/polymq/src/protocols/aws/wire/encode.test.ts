import { describe, expect, it } from 'vitest';
import { BROKER_ERRORS, BrokerError, type BrokerErrorCode } from '../../../core/errors.ts';
import { AwsError, batchFailure, encodeError } from './aws-error.ts';
import { toAwsError } from './broker-errors.ts';
import { encodeJson } from './encode-json.ts';
import { encodeXml } from './encode-xml.ts';
import { SNS } from './sns-actions.ts';
import { SQS } from './sqs-actions.ts';
import { escapeXml } from './xml-text.ts';

function xml(name: string, output: object): string {
  const service = SQS.actions.has(name) ? SQS : SNS;
  const text = encodeXml({ service, action: service.actions.get(name)!, output, requestId: 'r' });
  const [, body = ''] =
    /^<\?xml version="1\.0"\?><\w+ xmlns="[^"]+">(.*)<ResponseMetadata>/.exec(text) ?? [];
  return body;
}

describe('answers', () => {
  it('have no content in XML and an empty object in JSON where there is nothing to say', () => {
    const action = SQS.actions.get('DeleteMessage')!;
    expect(encodeXml({ service: SQS, action, output: {}, requestId: 'r' })).toBe(
      '<?xml version="1.0"?><DeleteMessageResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/">' +
        '<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></DeleteMessageResponse>',
    );
    expect(encodeJson(action, {})).toBe('{}');
    expect(xml('TagResource', {})).toBe('<TagResourceResult/>');
    expect(xml('ReceiveMessage', {})).toBe('<ReceiveMessageResult/>');
  });

  it('repeat flattened lists and maps, and wrap others', () => {
    expect(xml('ListQueues', { QueueUrls: ['a', 'b'], NextToken: undefined })).toBe(
      '<ListQueuesResult><QueueUrl>a</QueueUrl><QueueUrl>b</QueueUrl></ListQueuesResult>',
    );
    expect(xml('GetQueueAttributes', { Attributes: { A: '1', B: '2' } })).toBe(
      '<GetQueueAttributesResult><Attribute><Name>A</Name><Value>1</Value></Attribute>' +
        '<Attribute><Name>B</Name><Value>2</Value></Attribute></GetQueueAttributesResult>',
    );
    expect(xml('ListTopics', { Topics: [{ TopicArn: 'a' }] })).toBe(
      '<ListTopicsResult><Topics><member><TopicArn>a</TopicArn></member></Topics></ListTopicsResult>',
    );
    expect(xml('ListTopics', { Topics: [] })).toBe(
      '<ListTopicsResult><Topics/></ListTopicsResult>',
    );
    expect(xml('GetTopicAttributes', { Attributes: { A: '1' } })).toBe(
      '<GetTopicAttributesResult><Attributes><entry><key>A</key><value>1</value></entry></Attributes>' +
        '</GetTopicAttributesResult>',
    );
  });

  it('escape what XML knows, and replace what it cannot have', () => {
    expect(escapeXml('a<b>&"c"\r\n\té😀\'')).toBe("a&lt;b&gt;&amp;&quot;c&quot;&#xD;\n\té😀'");
    expect(escapeXml('\0\u0001\b\u000b\u000c\u001f\ufffe\uffff')).toBe('\ufffd'.repeat(8));
    expect(escapeXml('\ud83d \ude00 \ud83d\ude00 \ude00\ud83d')).toBe('� � 😀 ��');
  });

  it('leave members out that the table does not name', () => {
    expect(xml('GetQueueUrl', { QueueUrl: 'q', Secret: 's' })).not.toContain('s</');
  });
});

describe('errors', () => {
  const refuse = (wire: 'json' | 'query', service: typeof SQS, error: AwsError) =>
    encodeError({ wire, service, error, requestId: 'r' });

  it('name the service or the platform in their type', () => {
    const typeOf = (error: AwsError) =>
      JSON.parse(refuse('json', SQS, error).body as string).__type;
    expect(typeOf(new AwsError('QueueDoesNotExist', ''))).toBe(
      'com.amazonaws.sqs#QueueDoesNotExist',
    );
    expect(typeOf(new AwsError('InvalidParameterValue', ''))).toBe(
      'com.amazon.coral.service#InvalidParameterValueException',
    );
    expect(typeOf(new AwsError('MissingParameter', ''))).toBe(
      'com.amazon.coral.service#MissingRequiredParameterException',
    );
  });

  it('carry the older code in a header', () => {
    const { headers, status } = refuse('json', SQS, new AwsError('PurgeQueueInProgress', 'wait'));
    expect(status).toBe(403);
    expect(headers).toContainEqual(['x-amzn-requestid', 'r']);
    expect(headers).toContainEqual([
      'x-amzn-query-error',
      'AWS.SimpleQueueService.PurgeQueueInProgress;Sender',
    ]);
  });

  it('are escaped in XML, and say whose fault it is', () => {
    expect(refuse('query', SNS, new AwsError('InternalError', 'a<b'))).toEqual({
      status: 500,
      contentType: 'text/xml',
      headers: [['x-amzn-requestid', 'r']],
      body:
        '<?xml version="1.0"?><ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error>' +
        '<Type>Receiver</Type><Code>InternalError</Code><Message>a&lt;b</Message><Detail/></Error>' +
        '<RequestId>r</RequestId></ErrorResponse>',
    });
  });

  it('speak of WSDL to programs that use the Query protocol', () => {
    const error = toAwsError(new BrokerError('unknown-queue', 'no queue x'), 'sqs');
    expect(refuse('query', SQS, error).body).toContain('does not exist for this wsdl version.<');
    expect(refuse('json', SQS, error).body).toContain('"The specified queue does not exist."');
  });

  it('have the query code in entries of a batch', () => {
    expect(batchFailure('sqs', 'a', new AwsError('InvalidParameterValue', 'why'))).toEqual({
      Id: 'a',
      Code: 'InvalidParameterValue',
      Message: 'why',
      SenderFault: true,
    });
    expect(batchFailure('sns', 'a', new AwsError('InternalError', '')).SenderFault).toBe(false);
  });

  it('stand for every code of the core, in both services', () => {
    for (const code of Object.keys(BROKER_ERRORS) as BrokerErrorCode[]) {
      for (const service of ['sqs', 'sns']) {
        const error = toAwsError(new BrokerError(code, 'what is wrong'), service);
        expect(refuse('json', service === 'sqs' ? SQS : SNS, error).status).toBeGreaterThan(399);
      }
    }
    const error = toAwsError(new BrokerError('invalid-config', 'what is wrong; do this'), 'sqs');
    expect(error).toMatchObject({
      code: 'InvalidAttributeValue',
      message: 'What is wrong; do this.',
    });
  });

  it('do not send back all that was sent', () => {
    expect(new AwsError('InvalidAttributeName', 'x'.repeat(2000)).message).toHaveLength(1025);
    expect(new AwsError('InvalidAttributeName', 'x'.repeat(1024)).message).toHaveLength(1024);
  });

  it('tell nothing of bugs', () => {
    const bug = new TypeError('secret of x is undefined');
    const error = toAwsError(bug, 'sqs');
    expect(error).toMatchObject({ code: 'InternalFailure', cause: bug });
    expect(refuse('json', SQS, error).body).not.toContain('secret');
  });
});

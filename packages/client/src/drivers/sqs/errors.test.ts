import { describe, expect, it } from 'vitest';
import { PolymqError } from '../../errors.ts';
import { entryError, failureKind, isBusy, sqsError } from './errors.ts';

function awsError(name: string, message = 'text', more: object = {}): Error {
  return Object.assign(new Error(message), { name, ...more });
}

describe('errors of SQS', () => {
  it.each([
    ['QueueDoesNotExist', 'not-found'],
    ['AWS.SimpleQueueService.NonExistentQueue', 'not-found'],
    ['NotFoundException', 'not-found'],
    ['QueueNameExists', 'declared-otherwise'],
    ['AccessDeniedException', 'access-refused'],
    ['SignatureDoesNotMatch', 'access-refused'],
    ['CredentialsProviderError', 'access-refused'],
    ['BatchRequestTooLong', 'message-too-large'],
    ['ReceiptHandleIsInvalid', 'lease-lost'],
    ['AWS.SimpleQueueService.MessageNotInflight', 'lease-lost'],
    ['OverLimit', 'queue-full'],
    ['InvalidParameterValue', 'invalid-argument'],
    ['SomethingNew', 'engine-failed'],
  ])('%s is %s', (name, code) => {
    const cause = awsError(name);
    const error = sqsError('SendMessage', 'orders', cause);
    expect(error).toMatchObject({ code, cause });
    expect(error.message).toContain('orders');
  });

  it('reads what SQS says only in the text', () => {
    const tooLarge = 'Reason: Message must be shorter than 262144 bytes.';
    expect(sqsError('a', 'q', awsError('InvalidParameterValue', tooLarge)).code).toBe(
      'message-too-large',
    );
    const expired =
      'Value x for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.';
    expect(sqsError('a', 'q', awsError('InvalidParameterValue', expired)).code).toBe('lease-lost');
  });

  it('tells what is worth another try', () => {
    expect(failureKind(awsError('Error', 'x', { code: 'ECONNREFUSED' }))).toBe('connection');
    expect(failureKind(awsError('TimeoutError'))).toBe('connection');
    expect(failureKind(awsError('RequestThrottled'))).toBe('busy');
    expect(failureKind(awsError('x', 'y', { $metadata: { httpStatusCode: 503 } }))).toBe('busy');
    expect(failureKind(awsError('QueueDoesNotExist'))).toBe('final');
    expect([
      isBusy('AWS.SimpleQueueService.ServiceUnavailable'),
      isBusy('InvalidMessageContents'),
    ]).toEqual([true, false]);
    expect(sqsError('a', 'q', awsError('Error', 'x', { code: 'ECONNRESET' })).code).toBe(
      'disconnected',
    );
  });

  it('leaves its own errors as they are', () => {
    const error = new PolymqError('timeout', 'x');
    expect(sqsError('a', 'q', error)).toBe(error);
  });

  it('maps the failures of entries', () => {
    const failure = { Code: 'ReceiptHandleIsInvalid', Message: 'no' };
    expect(entryError('DeleteMessageBatch', 'orders', failure).code).toBe('lease-lost');
    expect(entryError('DeleteMessageBatch', 'orders', {}).code).toBe('engine-failed');
  });
});

/** What SNS answers to wrong input, in the words of AWS. */
import { AwsError } from '../wire/aws-error.ts';

/** `Invalid parameter: <what>`, perhaps with a reason. */
export function invalidParameter(what: string, reason?: string): AwsError {
  const text = reason === undefined ? what : `${what} Reason: ${reason}`;
  return new AwsError('InvalidParameter', `Invalid parameter: ${text}`);
}

/** The value is of the right kind, and wrong beside others. */
export function invalidValue(message: string): AwsError {
  return new AwsError('InvalidParameterValue', message);
}

export function topicNotFound(): AwsError {
  return new AwsError('NotFound', 'Topic does not exist');
}

export function subscriptionNotFound(): AwsError {
  return new AwsError('NotFound', 'Subscription does not exist');
}

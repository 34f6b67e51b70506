/**
 * What queues may be called and refer to, checked before anything is declared. A dead-letter queue has to be there, of the same
 * kind, and to allow the queue as a source.
 */
import type { Queue } from '../../../core/queue/queue.ts';
import { AwsError } from '../wire/index.ts';
import type { SqsContext } from './context.ts';
import { SQS } from './limits.ts';
import { type AttributeTexts, isObject, parseJson } from './queue-attributes.ts';
import { queueOfArn } from './queue-url.ts';
import { isFifoName, sqsQueueOf } from './sqs-queue.ts';

const NAME = /^[A-Za-z0-9_-]{1,80}$/;
const FIFO_NAME = /^[A-Za-z0-9_-]{1,75}\.fifo$/;
const SOURCES_MAX = 10;

/** Whether a FIFO queue is asked for. Throws `InvalidParameterValue`. */
export function checkQueueName(name: string, attributes: AttributeTexts): boolean {
  const fifo = attributes['FifoQueue']?.toLowerCase() === 'true';
  if (fifo && !FIFO_NAME.test(name)) {
    throw invalid(
      'The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.',
    );
  }
  if (!fifo && !NAME.test(name)) {
    const hint = isFifoName(name)
      ? ' A name with the suffix .fifo needs the attribute FifoQueue.'
      : '';
    throw invalid(
      `Can only include alphanumeric characters, hyphens, or underscores. 1 to ${SQS.queueNameLengthMax} in length.${hint}`,
    );
  }
  if (!fifo && attributes['FifoQueue'] !== undefined) {
    throw new AwsError('InvalidAttributeName', 'Unknown Attribute FifoQueue.');
  }
  return fifo;
}

/** Checks the policies that name other queues. `name`: of the queue that gets them. */
export function checkPolicies(
  context: Pick<SqsContext, 'broker'>,
  name: string,
  fifo: boolean,
  attributes: AttributeTexts,
): void {
  const { RedrivePolicy: redrive, RedriveAllowPolicy: allow } = attributes;
  if (redrive !== undefined && redrive !== '') checkRedrive(context, name, fifo, redrive);
  if (allow !== undefined && allow !== '') checkRedriveAllow(allow);
}

function checkRedrive(
  context: Pick<SqsContext, 'broker'>,
  name: string,
  fifo: boolean,
  text: string,
): void {
  const refuse = (reason: string): AwsError =>
    invalid(`Value ${text} for parameter RedrivePolicy is invalid. Reason: ${reason}`);
  const policy = parseJson(text);
  if (!isObject(policy)) throw refuse('Redrive policy is not a valid JSON map.');
  const { deadLetterTargetArn: arn, maxReceiveCount } = policy;
  if (arn === undefined) {
    throw refuse('Redrive policy does not contain mandatory attribute: deadLetterTargetArn.');
  }
  if (maxReceiveCount === undefined) {
    throw refuse('Redrive policy does not contain mandatory attribute: maxReceiveCount.');
  }
  const count = Number(maxReceiveCount);
  if (!Number.isInteger(count) || count < 1 || count > SQS.receiveCountMax) {
    throw refuse(
      `Invalid value for maxReceiveCount: ${String(maxReceiveCount)}, valid values are from 1 to ${SQS.receiveCountMax} both inclusive.`,
    );
  }
  const target = queueOfArn(context, arn);
  if (target === undefined) throw refuse('Dead letter target does not exist.');
  if (target.name === name) throw refuse('Dead letter target may not be the queue itself.');
  if (sqsQueueOf(target).fifo !== fifo) {
    throw refuse('Dead-letter queue must be same type of queue as the source.');
  }
  if (allows(target, name)) return;
  throw refuse('Dead-letter queue does not allow this queue as a source (RedriveAllowPolicy).');
}

/** Whether `RedriveAllowPolicy` of a dead-letter queue lets this queue send to it. */
function allows(target: Queue, sourceName: string): boolean {
  const policy = parseJson(sqsQueueOf(target).declared.attributes['RedriveAllowPolicy'] ?? '');
  if (!isObject(policy)) return true;
  const { redrivePermission, sourceQueueArns } = policy;
  if (redrivePermission === 'denyAll') return false;
  if (redrivePermission !== 'byQueue' || !Array.isArray(sourceQueueArns)) return true;
  return sourceQueueArns.some((arn) => String(arn).split(':').at(-1) === sourceName);
}

function checkRedriveAllow(text: string): void {
  const refuse = (reason: string): AwsError =>
    invalid(`Value ${text} for parameter RedriveAllowPolicy is invalid. Reason: ${reason}`);
  const policy = parseJson(text);
  if (!isObject(policy)) throw refuse('Redrive allow policy is not a valid JSON map.');
  const { redrivePermission: permission, sourceQueueArns: arns } = policy;
  if (permission !== 'allowAll' && permission !== 'denyAll' && permission !== 'byQueue') {
    throw refuse('redrivePermission must be one of: [allowAll, denyAll, byQueue].');
  }
  if (permission !== 'byQueue') {
    if (arns === undefined) return;
    throw refuse('sourceQueueArns is allowed with the permission byQueue only.');
  }
  if (!Array.isArray(arns) || arns.length === 0 || arns.length > SOURCES_MAX) {
    throw refuse(`byQueue needs sourceQueueArns with 1 to ${SOURCES_MAX} ARNs.`);
  }
}

export function invalid(message: string): AwsError {
  return new AwsError('InvalidParameterValue', message);
}

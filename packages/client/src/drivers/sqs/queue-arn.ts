/** What SNS has to know of a queue, and the queue's permission for it to send. */
import type { Aws } from './aws.ts';

interface QueueTarget {
  readonly name: string;
  readonly url: string;
}

interface Statement {
  readonly Sid?: string;
  readonly [part: string]: unknown;
}

interface Policy {
  readonly Version?: string;
  readonly Statement?: Statement | readonly Statement[];
}

/** Lets the topic send to the queue, beside whatever its policy allows already. Answers the queue's ARN. */
export async function allowTopic(aws: Aws, queue: QueueTarget, topicArn: string): Promise<string> {
  const target = { target: queue.name };
  const { Attributes = {} } = await aws.sqs<{ Attributes?: Record<string, string> }>(
    'GetQueueAttributes',
    { QueueUrl: queue.url, AttributeNames: ['QueueArn', 'Policy'] },
    target,
  );
  const queueArn = Attributes['QueueArn'] ?? '';
  const Sid = `polymq-${topicArn.replace(/[^A-Za-z0-9]/g, '-')}`;
  const before = statementsOf(Attributes['Policy']);
  if (!before.some((statement) => statement.Sid === Sid)) {
    const statement = {
      Sid,
      Effect: 'Allow',
      Principal: { Service: 'sns.amazonaws.com' },
      Action: 'sqs:SendMessage',
      Resource: queueArn,
      Condition: { ArnEquals: { 'aws:SourceArn': topicArn } },
    };
    const policy = { Version: '2012-10-17', Statement: [...before, statement] };
    const input = { QueueUrl: queue.url, Attributes: { Policy: JSON.stringify(policy) } };
    await aws.sqs('SetQueueAttributes', input, target);
  }
  return queueArn;
}

function statementsOf(text: string | undefined): readonly Statement[] {
  if (text === undefined || text === '') return [];
  const { Statement: statements = [] } = JSON.parse(text) as Policy;
  return Array.isArray(statements) ? (statements as Statement[]) : [statements as Statement];
}

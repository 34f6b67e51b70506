/**
 * Every action of SQS, in both wire formats: it answers in the shape of the model, and with each of its errors. Errors of
 * the model that cannot occur here stand in a table with the reason.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorRow } from '../../../src/protocols/aws/wire/error-tables.ts';
import { type AwsErrorCode, SQS } from '../../../src/protocols/aws/wire/index.ts';
import { type AwsKit, type Input, startAws } from './kit.ts';

interface Fixture {
  kit: AwsKit;
  /** Makes a queue and returns its URL. */
  queue(name: string, attributes?: Record<string, string>): Promise<string>;
  /** A queue with one message that was received. */
  received(name: string): Promise<{ QueueUrl: string; ReceiptHandle: string }>;
  arn(name: string): string;
}

interface Case {
  readonly action: string;
  readonly title: string;
  readonly input: (fixture: Fixture, name: string) => Promise<Input> | Input;
  /** Undefined: it goes well. */
  readonly error?: AwsErrorCode;
  /** Of an entry of a batch, which itself goes well. */
  readonly entryError?: AwsErrorCode;
  // biome-ignore lint/suspicious/noExplicitAny: the kit has checked its shape
  readonly check?: (output: any) => void;
}

const ok = (action: string, title: string, input: Case['input'], check?: Case['check']): Case => ({
  action,
  title,
  input,
  ...(check === undefined ? {} : { check }),
});
const fails = (action: string, error: AwsErrorCode, title: string, input: Case['input']): Case => ({
  action,
  title,
  input,
  error,
});

const text = 'x'.repeat.bind('x');
const entries = (count: number, more: (index: number) => object) =>
  Array.from({ length: count }, (_, index) => ({ Id: `e${index}`, ...more(index) }));
const sends = (count: number, body = 'hello') => entries(count, () => ({ MessageBody: body }));
const nowhere = (action: string, more: Input = {}): Case =>
  fails(action, 'QueueDoesNotExist', 'of a queue that is not there', ({ kit }) => ({
    QueueUrl: `${kit.origin}/000000000000/nowhere`,
    ...more,
  }));

/** The four checks that all batches share. */
const batch = (action: string, entry: Input): Case[] => [
  nowhere(action, { Entries: [{ Id: 'a', ...entry }] }),
  fails(action, 'EmptyBatchRequest', 'without entries', async ({ queue }, name) => ({
    QueueUrl: await queue(name),
    Entries: [],
  })),
  fails(action, 'TooManyEntriesInBatchRequest', 'with eleven entries', async ({ queue }, name) => ({
    QueueUrl: await queue(name),
    Entries: entries(11, () => entry),
  })),
  fails(action, 'BatchEntryIdsNotDistinct', 'with an id twice', async ({ queue }, name) => ({
    QueueUrl: await queue(name),
    Entries: [
      { Id: 'a', ...entry },
      { Id: 'a', ...entry },
    ],
  })),
  fails(action, 'InvalidBatchEntryId', 'with a blank in an id', async ({ queue }, name) => ({
    QueueUrl: await queue(name),
    Entries: [{ Id: 'a b', ...entry }],
  })),
];

const QUEUES: Case[] = [
  ok('CreateQueue', 'makes a queue', (_, name) => ({
    QueueName: name,
    Attributes: { DelaySeconds: '0' },
    tags: { team: 'a' },
  })),
  fails('CreateQueue', 'InvalidAttributeName', 'with an unknown attribute', (_, name) => ({
    QueueName: name,
    Attributes: { Colour: 'red' },
  })),
  fails('CreateQueue', 'InvalidAttributeValue', 'with a delay that is too long', (_, name) => ({
    QueueName: name,
    Attributes: { DelaySeconds: '901' },
  })),
  fails('CreateQueue', 'InvalidParameterValue', 'with a blank in the name', () => ({
    QueueName: 'a b',
  })),
  fails('CreateQueue', 'QueueNameExists', 'with other attributes', async ({ queue }, name) => {
    await queue(name);
    return { QueueName: name, Attributes: { DelaySeconds: '5' } };
  }),
  fails('CreateQueue', 'QueueDeletedRecently', 'right after its end', async (fixture, name) => {
    const QueueUrl = await fixture.queue(name);
    await fixture.kit.json('DeleteQueue', { QueueUrl });
    return { QueueName: name };
  }),
  ok('DeleteQueue', 'ends a queue', async ({ queue }, name) => ({ QueueUrl: await queue(name) })),
  nowhere('DeleteQueue'),
  ok(
    'GetQueueUrl',
    'finds a queue',
    async ({ queue }, name) => {
      await queue(name);
      return { QueueName: name };
    },
    ({ QueueUrl }) => expect(QueueUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/000000000000\/q/),
  ),
  fails('GetQueueUrl', 'QueueDoesNotExist', 'of no queue', () => ({ QueueName: 'nowhere' })),
  ok(
    'ListQueues',
    'names queues',
    async ({ queue }, name) => {
      await queue(name);
      await queue(`${name}b`);
      return { QueueNamePrefix: name, MaxResults: 1 };
    },
    ({ QueueUrls, NextToken }) => {
      expect(QueueUrls.length).toBe(1);
      expect(NextToken).toBeDefined();
    },
  ),
  fails('ListQueues', 'InvalidParameterValue', 'too many', () => ({ MaxResults: 1001 })),
  ok(
    'GetQueueAttributes',
    'shows all',
    async ({ queue }, name) => ({ QueueUrl: await queue(name), AttributeNames: ['All'] }),
    ({ Attributes }) =>
      expect(Attributes).toMatchObject({
        VisibilityTimeout: '30',
        QueueArn: expect.stringMatching(/^arn:aws:sqs:eu-west-1:000000000000:q/),
      }),
  ),
  fails(
    'GetQueueAttributes',
    'InvalidAttributeName',
    'that do not exist',
    async ({ queue }, name) => ({
      QueueUrl: await queue(name),
      AttributeNames: ['Colour'],
    }),
  ),
  nowhere('GetQueueAttributes'),
  ok('SetQueueAttributes', 'changes a queue', async ({ queue }, name) => ({
    QueueUrl: await queue(name),
    Attributes: { VisibilityTimeout: '5', DelaySeconds: '1' },
  })),
  fails('SetQueueAttributes', 'InvalidAttributeName', 'unknown', async ({ queue }, name) => ({
    QueueUrl: await queue(name),
    Attributes: { Colour: 'red' },
  })),
  fails('SetQueueAttributes', 'InvalidAttributeValue', 'out of range', async ({ queue }, name) => ({
    QueueUrl: await queue(name),
    Attributes: { VisibilityTimeout: '43201' },
  })),
  fails(
    'SetQueueAttributes',
    'InvalidParameterValue',
    'with a dead-letter queue that is not there',
    async ({ queue, arn }, name) => ({
      QueueUrl: await queue(name),
      Attributes: {
        RedrivePolicy: JSON.stringify({ deadLetterTargetArn: arn('nowhere'), maxReceiveCount: 3 }),
      },
    }),
  ),
  nowhere('SetQueueAttributes', { Attributes: { DelaySeconds: '1' } }),
  ok('PurgeQueue', 'empties a queue', async ({ queue }, name) => ({ QueueUrl: await queue(name) })),
  fails('PurgeQueue', 'PurgeQueueInProgress', 'twice in a minute', async (fixture, name) => {
    const QueueUrl = await fixture.queue(name);
    await fixture.kit.json('PurgeQueue', { QueueUrl });
    return { QueueUrl };
  }),
  nowhere('PurgeQueue'),
  ok(
    'ListDeadLetterSourceQueues',
    'names the queues whose dead letters come',
    async ({ queue, arn }, name) => {
      const QueueUrl = await queue(name);
      const deadLetterTargetArn = arn(name);
      await queue(`${name}s`, {
        RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 1 }),
      });
      return { QueueUrl };
    },
    ({ queueUrls }) => expect(queueUrls.length).toBe(1),
  ),
  nowhere('ListDeadLetterSourceQueues'),
  ok('TagQueue', 'adds tags', async ({ queue }, name) => ({
    QueueUrl: await queue(name),
    Tags: { team: 'a' },
  })),
  fails('TagQueue', 'InvalidParameterValue', 'with too many tags', async ({ queue }, name) => ({
    QueueUrl: await queue(name),
    Tags: Object.fromEntries(Array.from({ length: 51 }, (_, at) => [`t${at}`, 'x'])),
  })),
  nowhere('TagQueue', { Tags: { a: 'b' } }),
  ok('UntagQueue', 'removes tags', async ({ queue }, name) => ({
    QueueUrl: await queue(name),
    TagKeys: ['team'],
  })),
  nowhere('UntagQueue', { TagKeys: ['a'] }),
  ok(
    'ListQueueTags',
    'shows tags',
    async ({ queue, kit }, name) => {
      const QueueUrl = await queue(name);
      await kit.json('TagQueue', { QueueUrl, Tags: { team: 'a' } });
      return { QueueUrl };
    },
    ({ Tags }) => expect(Tags).toEqual({ team: 'a' }),
  ),
  nowhere('ListQueueTags'),
];

const permission = { Label: 'l', AWSAccountIds: ['123456789012'], Actions: ['SendMessage'] };
const PERMISSIONS: Case[] = [
  ok('AddPermission', 'adds a statement', async ({ queue }, name) => ({
    QueueUrl: await queue(name),
    ...permission,
  })),
  fails('AddPermission', 'OverLimit', 'with eight actions', async ({ queue }, name) => ({
    QueueUrl: await queue(name),
    ...permission,
    Actions: Array.from({ length: 8 }, () => 'SendMessage'),
  })),
  nowhere('AddPermission', permission),
  ok('RemovePermission', 'takes it away', async ({ queue, kit }, name) => {
    const QueueUrl = await queue(name);
    await kit.json('AddPermission', { QueueUrl, ...permission });
    return { QueueUrl, Label: 'l' };
  }),
  fails(
    'RemovePermission',
    'InvalidParameterValue',
    'of no statement',
    async ({ queue }, name) => ({
      QueueUrl: await queue(name),
      Label: 'l',
    }),
  ),
  nowhere('RemovePermission', { Label: 'l' }),
];

const MESSAGES: Case[] = [
  ok(
    'SendMessage',
    'sends, and tells the digests',
    async ({ queue }, name) => ({
      QueueUrl: await queue(name),
      MessageBody: 'This is a test message',
      MessageAttributes: { a: { DataType: 'Number.int', StringValue: '1' } },
      MessageSystemAttributes: { AWSTraceHeader: { DataType: 'String', StringValue: 'Root=1' } },
    }),
    (output) =>
      expect(output).toMatchObject({
        MD5OfMessageBody: 'fafb00f5732ab283681e124bf8747ed1',
        MD5OfMessageAttributes: expect.any(String),
        MD5OfMessageSystemAttributes: expect.any(String),
      }),
  ),
  fails(
    'SendMessage',
    'InvalidMessageContents',
    'with a control character',
    async ({ queue }, name) => ({
      QueueUrl: await queue(name),
      MessageBody: 'a\u0001b',
    }),
  ),
  fails(
    'SendMessage',
    'InvalidParameterValue',
    'with a message that is too large',
    async ({ queue }, name) => ({
      QueueUrl: await queue(name, { MaximumMessageSize: '1024' }),
      MessageBody: text(1025),
    }),
  ),
  fails('SendMessage', 'MissingParameter', 'without a body', async ({ queue }, name) => ({
    QueueUrl: await queue(name),
  })),
  nowhere('SendMessage', { MessageBody: 'x' }),
  ok(
    'SendMessageBatch',
    'sends several',
    async ({ queue }, name) => ({
      QueueUrl: await queue(name),
      Entries: sends(3),
    }),
    ({ Successful, Failed }) => expect([Successful.length, Failed.length]).toEqual([3, 0]),
  ),
  {
    action: 'SendMessageBatch',
    title: 'tells which entry failed',
    input: async ({ queue }, name) => ({
      QueueUrl: await queue(name),
      Entries: [...sends(1), { Id: 'bad', MessageBody: 'a\u0001' }],
    }),
    entryError: 'InvalidMessageContents',
  },
  ...batch('SendMessageBatch', { MessageBody: 'x' }),
  fails(
    'SendMessageBatch',
    'BatchRequestTooLong',
    'of more than 1 MiB',
    async ({ queue }, name) => ({
      QueueUrl: await queue(name),
      Entries: sends(2, text(600_000)),
    }),
  ),
  ok(
    'ReceiveMessage',
    'hands out what was sent',
    async ({ queue, kit }, name) => {
      const QueueUrl = await queue(name);
      const MessageAttributes = { a: { DataType: 'Binary', BinaryValue: 'AQI=' } };
      await kit.json('SendMessage', { QueueUrl, MessageBody: 'hello', MessageAttributes });
      return {
        QueueUrl,
        MessageSystemAttributeNames: ['All'],
        MessageAttributeNames: ['All'],
        VisibilityTimeout: 0,
      };
    },
    ({ Messages }) => expect(Messages[0].Body).toBe('hello'),
  ),
  ok(
    'ReceiveMessage',
    'has no member Messages when there are none',
    async ({ queue }, name) => ({
      QueueUrl: await queue(name),
    }),
    (output) => expect(output).toEqual({}),
  ),
  fails(
    'ReceiveMessage',
    'InvalidParameterValue',
    'of eleven messages',
    async ({ queue }, name) => ({
      QueueUrl: await queue(name),
      MaxNumberOfMessages: 11,
    }),
  ),
  fails(
    'ReceiveMessage',
    'InvalidAttributeName',
    'with unknown attributes',
    async ({ queue }, name) => ({
      QueueUrl: await queue(name),
      AttributeNames: ['Colour'],
    }),
  ),
  nowhere('ReceiveMessage'),
  ok('DeleteMessage', 'ends a message', ({ received }, name) => received(name)),
  fails('DeleteMessage', 'ReceiptHandleIsInvalid', 'with no receipt', async ({ queue }, name) => ({
    QueueUrl: await queue(name),
    ReceiptHandle: 'no',
  })),
  nowhere('DeleteMessage', { ReceiptHandle: 'x' }),
  ok(
    'DeleteMessageBatch',
    'ends several',
    async ({ received }, name) => {
      const { QueueUrl, ReceiptHandle } = await received(name);
      return { QueueUrl, Entries: [{ Id: 'a', ReceiptHandle }] };
    },
    ({ Successful }) => expect(Successful).toEqual([{ Id: 'a' }]),
  ),
  {
    action: 'DeleteMessageBatch',
    title: 'tells which entry failed',
    input: async ({ queue }, name) => ({
      QueueUrl: await queue(name),
      Entries: [{ Id: 'bad', ReceiptHandle: 'no' }],
    }),
    entryError: 'ReceiptHandleIsInvalid',
  },
  ...batch('DeleteMessageBatch', { ReceiptHandle: 'x' }),
  ok('ChangeMessageVisibility', 'prolongs', async ({ received }, name) => ({
    ...(await received(name)),
    VisibilityTimeout: 60,
  })),
  fails(
    'ChangeMessageVisibility',
    'InvalidParameterValue',
    'beyond twelve hours',
    async ({ received }, name) => ({
      ...(await received(name)),
      VisibilityTimeout: 43_201,
    }),
  ),
  fails(
    'ChangeMessageVisibility',
    'ReceiptHandleIsInvalid',
    'with no receipt',
    async ({ queue }, name) => ({
      QueueUrl: await queue(name),
      ReceiptHandle: 'no',
      VisibilityTimeout: 1,
    }),
  ),
  fails(
    'ChangeMessageVisibility',
    'MessageNotInflight',
    'of what came back',
    async (fixture, name) => {
      const receipt = await fixture.received(name);
      await fixture.kit.json('ChangeMessageVisibility', { ...receipt, VisibilityTimeout: 0 });
      return { ...receipt, VisibilityTimeout: 5 };
    },
  ),
  nowhere('ChangeMessageVisibility', { ReceiptHandle: 'x', VisibilityTimeout: 1 }),
  ok(
    'ChangeMessageVisibilityBatch',
    'prolongs several',
    async ({ received }, name) => {
      const { QueueUrl, ReceiptHandle } = await received(name);
      return { QueueUrl, Entries: [{ Id: 'a', ReceiptHandle, VisibilityTimeout: 9 }] };
    },
    ({ Successful }) => expect(Successful).toEqual([{ Id: 'a' }]),
  ),
  {
    action: 'ChangeMessageVisibilityBatch',
    title: 'tells which entry failed',
    input: async ({ queue }, name) => ({
      QueueUrl: await queue(name),
      Entries: [{ Id: 'bad', ReceiptHandle: 'no', VisibilityTimeout: 1 }],
    }),
    entryError: 'ReceiptHandleIsInvalid',
  },
  ...batch('ChangeMessageVisibilityBatch', { ReceiptHandle: 'x', VisibilityTimeout: 1 }),
];

/** A dead-letter queue with messages in it; its ARN. */
async function deadLetters({ kit, queue, arn }: Fixture, name: string): Promise<string> {
  const QueueUrl = await queue(name);
  await queue(`${name}s`, {
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn: arn(name), maxReceiveCount: 1 }),
  });
  await kit.json('SendMessageBatch', { QueueUrl, Entries: sends(10) });
  return arn(name);
}

/** A task that takes ten seconds. */
async function slowTask(
  fixture: Fixture,
  name: string,
): Promise<{ SourceArn: string; TaskHandle: string }> {
  const SourceArn = await deadLetters(fixture, name);
  const { output } = await fixture.kit.json('StartMessageMoveTask', {
    SourceArn,
    DestinationArn: fixture.arn(`${name}s`),
    MaxNumberOfMessagesPerSecond: 1,
  });
  return { SourceArn, TaskHandle: output.TaskHandle };
}

const MOVES: Case[] = [
  ok('StartMessageMoveTask', 'starts', async (fixture, name) => ({
    SourceArn: await deadLetters(fixture, name),
    DestinationArn: fixture.arn(`${name}s`),
  })),
  fails('StartMessageMoveTask', 'ResourceNotFoundException', 'of no queue', ({ arn }) => ({
    SourceArn: arn('nowhere'),
  })),
  fails(
    'StartMessageMoveTask',
    'InvalidParameterValue',
    'of no dead-letter queue',
    async ({ queue, arn }, name) => {
      await queue(name);
      return { SourceArn: arn(name) };
    },
  ),
  fails(
    'StartMessageMoveTask',
    'UnsupportedOperation',
    'beside another one',
    async (fixture, name) => ({
      SourceArn: (await slowTask(fixture, name)).SourceArn,
    }),
  ),
  ok('CancelMessageMoveTask', 'ends it', async (fixture, name) => ({
    TaskHandle: (await slowTask(fixture, name)).TaskHandle,
  })),
  fails('CancelMessageMoveTask', 'ResourceNotFoundException', 'of no task', () => ({
    TaskHandle: Buffer.from('{"taskId":"none","sourceArn":"x"}').toString('base64'),
  })),
  fails('CancelMessageMoveTask', 'InvalidParameterValue', 'with no handle', () => ({
    TaskHandle: 'x',
  })),
  ok(
    'ListMessageMoveTasks',
    'tells how far it is',
    async (fixture, name) => ({
      SourceArn: (await slowTask(fixture, name)).SourceArn,
      MaxResults: 10,
    }),
    ({ Results }) =>
      expect(Results).toMatchObject([{ Status: 'RUNNING', MaxNumberOfMessagesPerSecond: 1 }]),
  ),
  fails('ListMessageMoveTasks', 'ResourceNotFoundException', 'of no queue', ({ arn }) => ({
    SourceArn: arn('nowhere'),
  })),
];

const CASES: readonly Case[] = [...QUEUES, ...PERMISSIONS, ...MESSAGES, ...MOVES];

/** Errors of the model that nobody gets here, or that are tested elsewhere. */
const NOT_HERE: Readonly<Record<string, string>> = {
  InvalidAddress: 'a queue is found by the last part of its URL, whatever stands before it',
  InvalidSecurity: 'plain HTTP is offered; who must not come in gets AccessDenied',
  InvalidIdFormat: 'AWS has replaced it by ReceiptHandleIsInvalid',
  RequestThrottled: 'needs a broker that is short of memory: message-actions.test.ts',
  KmsAccessDenied: 'keys are stored and not used',
  KmsDisabled: 'keys are stored and not used',
  KmsInvalidKeyUsage: 'keys are stored and not used',
  KmsInvalidState: 'keys are stored and not used',
  KmsNotFound: 'keys are stored and not used',
  KmsOptInRequired: 'keys are stored and not used',
  KmsThrottled: 'keys are stored and not used',
};
/** Of one action alone. */
const NOT_OF_ACTION: Readonly<Record<string, string>> = {
  'ReceiveMessage OverLimit': 'needs 120,000 messages in flight: message-actions.test.ts',
  'SetQueueAttributes OverLimit': 'the attributes have no limit that is counted',
};

let kit: AwsKit;
beforeAll(async () => {
  kit = await startAws(SQS, { strict: true });
});
afterAll(() => kit.stop());

function fixtureOf(): Fixture {
  const arn = (name: string) => `arn:aws:sqs:eu-west-1:000000000000:${name}`;
  const queue = async (name: string, attributes: Record<string, string> = {}) => {
    const { output } = await kit.json('CreateQueue', { QueueName: name, Attributes: attributes });
    return output.QueueUrl as string;
  };
  const received = async (name: string) => {
    const QueueUrl = await queue(name);
    await kit.json('SendMessage', { QueueUrl, MessageBody: 'hello' });
    const { output } = await kit.json('ReceiveMessage', { QueueUrl });
    return { QueueUrl, ReceiptHandle: output.Messages[0].ReceiptHandle as string };
  };
  return { kit, arn, queue, received };
}

describe.each(['json', 'query'] as const)('SQS over %s', (wire) => {
  let count = 0;
  it.each(CASES.map((each) => [each.action, each.error ?? 'succeeds', each.title, each] as const))(
    '%s: %s: %s',
    async (action, _, __, { input, error, entryError, check }) => {
      count += 1;
      const given = await input(fixtureOf(), `q-${wire}-${count}`);
      const answer = await kit[wire](action, given);
      if (error !== undefined) {
        const row = errorRow('sqs', error);
        expect([answer.error, answer.status]).toEqual([row[wire], row.status]);
        expect(answer.message).not.toBe('');
        return;
      }
      expect([answer.error, answer.status, answer.message]).toEqual([undefined, 200, '']);
      if (entryError !== undefined)
        expect(answer.text).toContain(errorRow('sqs', entryError).query);
      else if (wire === 'json') check?.(answer.output);
    },
  );
});

describe('the model', () => {
  it.each([...SQS.actions.values()])(
    'has nothing of $name that is not tested',
    ({ name, errors }) => {
      const cases = CASES.filter(({ action }) => action === name);
      expect(cases.some(({ error }) => error === undefined)).toBe(true);
      const tested = new Set(cases.flatMap(({ error, entryError }) => [error, entryError]));
      const missing = errors.filter(
        (code) =>
          !tested.has(code as AwsErrorCode) &&
          NOT_HERE[code] === undefined &&
          NOT_OF_ACTION[`${name} ${code}`] === undefined &&
          (code !== 'UnsupportedOperation' || name === 'StartMessageMoveTask'),
      );
      expect(missing).toEqual([]);
    },
  );
});

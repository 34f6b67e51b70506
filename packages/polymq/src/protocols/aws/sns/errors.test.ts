/** Every error that the SDK's models list for an action is made once here, or stands in `NEVER` with the reason. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BrokerError } from '../../../core/errors.ts';
import { errorRow } from '../wire/error-tables.ts';
import { SNS, toAwsError } from '../wire/index.ts';
import { queueArn, SnsKit, topicArn } from './testing/kit.ts';

let kit: SnsKit;

beforeEach(async () => {
  kit = await SnsKit.open();
  await kit.topic('news');
});

afterEach(() => kit.destroy());

const UNKNOWN_ID = '11111111-2222-4333-8444-555555555555';
const NEWS = { TopicArn: topicArn('news') };
const NONE = { TopicArn: topicArn('none') };
const OTHER = { TopicArn: 'arn:aws:sns:us-east-1:111111111111:news' };
const SUBSCRIBE = { ...NEWS, Protocol: 'sqs', Endpoint: queueArn('inbox') };
const UNKNOWN = { SubscriptionArn: `${topicArn('news')}:${UNKNOWN_ID}` };
const CHANGE = { AttributeName: 'DisplayName', AttributeValue: 'x' };
const STATEMENT = { Label: 'a', AWSAccountId: ['1'], ActionName: ['Publish'] };
const ENTRY = { Id: 'a', Message: 'x' };
const TAGS = Array.from({ length: 51 }, (_, index) => ({ Key: `k${index}`, Value: '' }));
const TOKEN = '0'.repeat(288);

const entries = (...PublishBatchRequestEntries: object[]) => ({
  ...NEWS,
  PublishBatchRequestEntries,
});

/** What makes it: an input, or that and what is broken before. */
type Cause = object | { input: object; broken: () => void };

function broken(input: object, change: () => void): Cause {
  return { input, broken: change };
}

function logFails(): void {
  const fail = async () => {
    throw new BrokerError('storage-failed', 'the log has stopped');
  };
  Object.assign(kit.broker.documents, { put: fail });
  Object.assign(kit.broker.queues.store, { whenCommitted: fail });
  Object.assign(kit.broker.exchanges, { delete: fail });
}

function readingFails(): void {
  const fail = () => {
    throw new Error('a bug');
  };
  Object.assign(kit.broker.exchanges, { list: fail, get: fail });
}

function limitReached(): void {
  const fail = async () => {
    throw new BrokerError('limit-reached', 'too many');
  };
  Object.assign(kit.broker.documents, { put: fail });
}

const CAUSES: Readonly<Record<string, Readonly<Record<string, () => Cause>>>> = {
  CreateTopic: {
    InternalErrorException: () => broken({ Name: 'other' }, logFails),
    InvalidParameterException: () => ({ Name: 'no name' }),
    TagLimitExceededException: () => ({ Name: 'other', Tags: TAGS }),
    TopicLimitExceededException: () => broken({ Name: 'other' }, limitReached),
  },
  DeleteTopic: {
    InternalErrorException: () => broken(NEWS, logFails),
    InvalidParameterException: () => OTHER,
  },
  ListTopics: {
    InternalErrorException: () => broken({}, readingFails),
    InvalidParameterException: () => ({ NextToken: 'x' }),
  },
  GetTopicAttributes: {
    InternalErrorException: () => broken(NEWS, readingFails),
    InvalidParameterException: () => OTHER,
    NotFoundException: () => NONE,
  },
  SetTopicAttributes: {
    InternalErrorException: () => broken({ ...NEWS, ...CHANGE }, logFails),
    InvalidParameterException: () => ({ ...NEWS, ...CHANGE, AttributeName: 'x' }),
    NotFoundException: () => ({ ...NONE, ...CHANGE }),
  },
  AddPermission: {
    InternalErrorException: () => broken({ ...NEWS, ...STATEMENT }, logFails),
    InvalidParameterException: () => ({ ...NEWS, ...STATEMENT, ActionName: ['x'] }),
    NotFoundException: () => ({ ...NONE, ...STATEMENT }),
  },
  RemovePermission: {
    InternalErrorException: () => broken({ ...NEWS, Label: 'a' }, logFails),
    InvalidParameterException: () => ({ ...OTHER, Label: 'a' }),
    NotFoundException: () => ({ ...NONE, Label: 'a' }),
  },
  GetDataProtectionPolicy: {
    InternalErrorException: () => broken({ ResourceArn: NEWS.TopicArn }, readingFails),
    InvalidParameterException: () => ({ ResourceArn: 'x' }),
    NotFoundException: () => ({ ResourceArn: NONE.TopicArn }),
  },
  PutDataProtectionPolicy: {
    InternalErrorException: () =>
      broken({ ResourceArn: NEWS.TopicArn, DataProtectionPolicy: '{}' }, logFails),
    InvalidParameterException: () => ({ ResourceArn: NEWS.TopicArn, DataProtectionPolicy: 'x' }),
    NotFoundException: () => ({ ResourceArn: NONE.TopicArn, DataProtectionPolicy: '{}' }),
  },
  TagResource: {
    InvalidParameterException: () => ({
      ResourceArn: NEWS.TopicArn,
      Tags: [{ Key: '', Value: '' }],
    }),
    ResourceNotFoundException: () => ({ ResourceArn: NONE.TopicArn, Tags: [] }),
    TagLimitExceededException: () => ({ ResourceArn: NEWS.TopicArn, Tags: TAGS }),
  },
  UntagResource: {
    InvalidParameterException: () => ({ ResourceArn: 'x', TagKeys: [] }),
    ResourceNotFoundException: () => ({ ResourceArn: NONE.TopicArn, TagKeys: [] }),
  },
  ListTagsForResource: {
    InvalidParameterException: () => ({ ResourceArn: 'x' }),
    ResourceNotFoundException: () => ({ ResourceArn: NONE.TopicArn }),
  },
  Subscribe: {
    InternalErrorException: () => broken(SUBSCRIBE, logFails),
    InvalidParameterException: () => ({ ...SUBSCRIBE, Protocol: 'x' }),
    NotFoundException: () => ({ ...SUBSCRIBE, ...NONE }),
    SubscriptionLimitExceededException: () => broken(SUBSCRIBE, limitReached),
  },
  ConfirmSubscription: {
    InvalidParameterException: () => ({ ...NEWS, Token: TOKEN }),
  },
  Unsubscribe: {
    InvalidParameterException: () => ({ SubscriptionArn: 'x' }),
  },
  ListSubscriptions: {
    InvalidParameterException: () => ({ NextToken: 'x' }),
  },
  ListSubscriptionsByTopic: {
    InternalErrorException: () => broken(NEWS, readingFails),
    InvalidParameterException: () => OTHER,
    NotFoundException: () => NONE,
  },
  GetSubscriptionAttributes: {
    InvalidParameterException: () => ({ SubscriptionArn: 'x' }),
    NotFoundException: () => UNKNOWN,
  },
  SetSubscriptionAttributes: {
    InvalidParameterException: () => ({ SubscriptionArn: 'x', ...CHANGE }),
    NotFoundException: () => ({ ...UNKNOWN, ...CHANGE }),
  },
  Publish: {
    InternalErrorException: () => broken({ ...NEWS, Message: 'x' }, logFails),
    InvalidParameterException: () => ({ ...NEWS, Message: '' }),
    InvalidParameterValueException: () => ({
      ...NEWS,
      Message: 'x',
      MessageAttributes: { a: { DataType: 'String' } },
    }),
    NotFoundException: () => ({ ...NONE, Message: 'x' }),
  },
  PublishBatch: {
    InternalErrorException: () => broken(entries(ENTRY), logFails),
    InvalidParameterException: () => entries({ Id: 'a', Message: '' }),
    InvalidParameterValueException: () =>
      entries({ ...ENTRY, MessageAttributes: { a: { DataType: 'String' } } }),
    NotFoundException: () => ({ ...entries(ENTRY), ...NONE }),
    BatchEntryIdsNotDistinctException: () => entries(ENTRY, ENTRY),
    BatchRequestTooLongException: () =>
      entries({ Id: 'a', Message: 'x'.repeat(600_000) }, { Id: 'b', Message: 'x'.repeat(600_000) }),
    EmptyBatchRequestException: () => entries(),
    InvalidBatchEntryIdException: () => entries({ Id: '.', Message: 'x' }),
    TooManyEntriesInBatchRequestException: () =>
      entries(...Array.from({ length: 11 }, (_, index) => ({ Id: `${index}`, Message: 'x' }))),
  },
};

/** Of all actions, unless `CAUSES` has it. */
const NEVER: Readonly<Record<string, string>> = {
  AuthorizationErrorException: 'policies are stored; who may call is decided before the action',
  InvalidSecurityException: 'as above',
  ConcurrentAccessException: 'changes of a topic run one after the other',
  StaleTagException: 'as above',
  TagPolicyException: 'there is no organization that has tag policies',
  InvalidStateException: 'a topic can be deleted in every state',
  FilterPolicyLimitExceededException: 'a topic may have as many filters as subscriptions',
  ReplayLimitExceededException: 'there is no archive to replay',
  EndpointDisabledException: 'there is no mobile push',
  PlatformApplicationDisabledException: 'there is no mobile push',
  KMSAccessDeniedException: 'there is no key management',
  KMSDisabledException: 'there is no key management',
  KMSInvalidStateException: 'there is no key management',
  KMSNotFoundException: 'there is no key management',
  KMSOptInRequired: 'there is no key management',
  KMSThrottlingException: 'there is no key management',
  ValidationException:
    'another service of AWS checks for it; SNS answers ValidationError, by the tables',
  NotFoundException: 'deleting twice, ending twice and wrong tokens are answered otherwise',
  SubscriptionLimitExceededException: 'what is confirmed is there already',
  TagLimitExceededException: 'tags are only taken away',
  InternalErrorException: 'what it reads is in memory',
};

const ROWS = Object.entries(CAUSES).flatMap(([action, causes]) =>
  Object.entries(causes).map(([error, cause]) => [action, error, cause] as const),
);

describe('errors', () => {
  it.each(ROWS)('%s answers %s', async (action, error, cause) => {
    const given = cause();
    const { input, broken: change } =
      'broken' in given ? (given as { input: object; broken: () => void }) : { input: given };
    change?.();
    const thrown = await kit.call(action, input).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(thrown).toBeDefined();
    expect(errorRow('sns', toAwsError(thrown, 'sns').code).json).toBe(error);
    // What was broken would keep the broker from closing.
    if (change !== undefined) restore();
  });

  it('are all those of the models', () => {
    expect(Object.keys(CAUSES).sort()).toEqual([...SNS.actions.keys()].sort());
    for (const [action, { errors }] of SNS.actions) {
      const made = Object.keys(CAUSES[action]!);
      expect(errors).toEqual(expect.arrayContaining(made));
      for (const error of errors) {
        if (!made.includes(error)) expect(NEVER, `${action} ${error}`).toHaveProperty(error);
      }
    }
  });
});

/** Takes away what hides the real methods. */
function restore(): void {
  const { documents, exchanges, queues } = kit.broker;
  for (const object of [documents, exchanges, queues.store]) {
    for (const name of Object.keys(object)) {
      if (['put', 'whenCommitted', 'delete', 'list', 'get'].includes(name)) {
        Reflect.deleteProperty(object, name);
      }
    }
  }
}

/**
 * All actions of SQS: their inputs, outputs and errors, as the service models of the SDKs have them. A test compares the tables with the
 * models. Those on messages stand in `sqs-message-actions.ts`.
 */
import type { ServiceTable } from './shape.ts';
import {
  type ActionRow,
  flatList,
  flatMap,
  integer,
  needed,
  required,
  STRING,
  serviceTable,
  structure,
  text,
} from './shape-builders.ts';
import { COMMON_SQS_ERRORS, QUEUE_ERRORS, SQS_MESSAGE_ACTIONS } from './sqs-message-actions.ts';

const QUEUE_URL = { QueueUrl: needed(text) };
const NEXT_TOKEN = { NextToken: text };
const PAGE = { ...NEXT_TOKEN, MaxResults: integer };
const ATTRIBUTES = flatMap('Attribute', STRING, { key: 'Name', value: 'Value' });
const TAGS = flatMap('Tag', STRING, { key: 'Key', value: 'Value' });
const QUEUE_URLS = flatList('QueueUrl', STRING);

const QUEUE_ACTIONS: Readonly<Record<string, ActionRow>> = {
  CreateQueue: {
    input: { QueueName: needed(text), Attributes: ATTRIBUTES, tags: TAGS },
    output: { QueueUrl: text },
    errors: [
      ...COMMON_SQS_ERRORS,
      'InvalidAttributeName',
      'InvalidAttributeValue',
      'QueueDeletedRecently',
      'QueueNameExists',
    ],
  },
  DeleteQueue: { input: QUEUE_URL, errors: QUEUE_ERRORS },
  ListQueues: {
    input: { QueueNamePrefix: text, ...PAGE },
    output: { QueueUrls: QUEUE_URLS, ...NEXT_TOKEN },
    errors: COMMON_SQS_ERRORS,
  },
  GetQueueUrl: {
    input: { QueueName: needed(text), QueueOwnerAWSAccountId: text },
    output: { QueueUrl: text },
    errors: QUEUE_ERRORS,
  },
  GetQueueAttributes: {
    input: { ...QUEUE_URL, AttributeNames: flatList('AttributeName', STRING) },
    output: { Attributes: ATTRIBUTES },
    errors: [...QUEUE_ERRORS, 'InvalidAttributeName'],
  },
  SetQueueAttributes: {
    input: { ...QUEUE_URL, Attributes: required(ATTRIBUTES) },
    errors: [...QUEUE_ERRORS, 'InvalidAttributeName', 'InvalidAttributeValue', 'OverLimit'],
  },
  PurgeQueue: { input: QUEUE_URL, errors: [...QUEUE_ERRORS, 'PurgeQueueInProgress'] },
  ListDeadLetterSourceQueues: {
    input: { ...QUEUE_URL, ...PAGE },
    output: { queueUrls: required(QUEUE_URLS), ...NEXT_TOKEN },
    errors: QUEUE_ERRORS,
  },
};

const TAG_ACTIONS: Readonly<Record<string, ActionRow>> = {
  TagQueue: { input: { ...QUEUE_URL, Tags: required(TAGS) }, errors: QUEUE_ERRORS },
  UntagQueue: {
    input: { ...QUEUE_URL, TagKeys: required(flatList('TagKey', STRING)) },
    errors: QUEUE_ERRORS,
  },
  ListQueueTags: { input: QUEUE_URL, output: { Tags: TAGS }, errors: QUEUE_ERRORS },
};

const PERMISSION_ACTIONS: Readonly<Record<string, ActionRow>> = {
  AddPermission: {
    input: {
      ...QUEUE_URL,
      Label: required(text),
      AWSAccountIds: required(flatList('AWSAccountId', STRING)),
      Actions: required(flatList('ActionName', STRING)),
    },
    errors: [...QUEUE_ERRORS, 'OverLimit'],
  },
  RemovePermission: { input: { ...QUEUE_URL, Label: required(text) }, errors: QUEUE_ERRORS },
};

const MOVE_ERRORS = [...COMMON_SQS_ERRORS, 'ResourceNotFoundException'];

const MOVE_TASK = structure({
  TaskHandle: text,
  Status: text,
  SourceArn: text,
  DestinationArn: text,
  MaxNumberOfMessagesPerSecond: integer,
  ApproximateNumberOfMessagesMoved: integer,
  ApproximateNumberOfMessagesToMove: integer,
  FailureReason: text,
  StartedTimestamp: integer,
});

const MOVE_ACTIONS: Readonly<Record<string, ActionRow>> = {
  StartMessageMoveTask: {
    input: { SourceArn: needed(text), DestinationArn: text, MaxNumberOfMessagesPerSecond: integer },
    output: { TaskHandle: text },
    errors: MOVE_ERRORS,
  },
  CancelMessageMoveTask: {
    input: { TaskHandle: needed(text) },
    output: { ApproximateNumberOfMessagesMoved: integer },
    errors: MOVE_ERRORS,
  },
  ListMessageMoveTasks: {
    input: { SourceArn: needed(text), MaxResults: integer },
    output: { Results: flatList('ListMessageMoveTasksResultEntry', MOVE_TASK) },
    errors: MOVE_ERRORS,
  },
};

export const SQS: ServiceTable = serviceTable(
  {
    service: 'sqs',
    targetPrefix: 'AmazonSQS',
    version: '2012-11-05',
    xmlNamespace: 'http://queue.amazonaws.com/doc/2012-11-05/',
  },
  {
    ...QUEUE_ACTIONS,
    ...SQS_MESSAGE_ACTIONS,
    ...TAG_ACTIONS,
    ...PERMISSION_ACTIONS,
    ...MOVE_ACTIONS,
  },
);

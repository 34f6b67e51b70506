/**
 * The actions of SQS on messages: sending, receiving, deleting, changing the visibility, each for one message and (but for receiving) as a
 * batch, whose entries succeed or fail one by one.
 */
import {
  type ActionRow,
  BLOB,
  blob,
  boolean,
  flatList,
  flatMap,
  integer,
  needed,
  required,
  STRING,
  structure,
  text,
} from './shape-builders.ts';

/** What nearly every action may answer. */
export const COMMON_SQS_ERRORS: readonly string[] = [
  'InvalidAddress',
  'InvalidSecurity',
  'RequestThrottled',
  'UnsupportedOperation',
];
export const QUEUE_ERRORS: readonly string[] = [...COMMON_SQS_ERRORS, 'QueueDoesNotExist'];

const KMS_ERRORS = [
  'KmsAccessDenied',
  'KmsDisabled',
  'KmsInvalidKeyUsage',
  'KmsInvalidState',
  'KmsNotFound',
  'KmsOptInRequired',
  'KmsThrottled',
];
const BATCH_ERRORS = [
  ...QUEUE_ERRORS,
  'BatchEntryIdsNotDistinct',
  'EmptyBatchRequest',
  'InvalidBatchEntryId',
  'TooManyEntriesInBatchRequest',
];

const MESSAGE_ATTRIBUTE = structure({
  DataType: required(text),
  StringValue: text,
  BinaryValue: blob,
  StringListValues: flatList('StringListValue', STRING),
  BinaryListValues: flatList('BinaryListValue', BLOB),
});

const NAME_VALUE = { key: 'Name', value: 'Value' };

const MESSAGE = {
  MessageBody: needed(text),
  DelaySeconds: integer,
  MessageAttributes: flatMap('MessageAttribute', MESSAGE_ATTRIBUTE, NAME_VALUE),
  MessageSystemAttributes: flatMap('MessageSystemAttribute', MESSAGE_ATTRIBUTE, NAME_VALUE),
  MessageDeduplicationId: text,
  MessageGroupId: text,
};

const SENT = {
  MessageId: text,
  MD5OfMessageBody: text,
  MD5OfMessageAttributes: text,
  MD5OfMessageSystemAttributes: text,
  SequenceNumber: text,
};

const FAILED = flatList(
  'BatchResultErrorEntry',
  structure({
    Id: required(text),
    SenderFault: required(boolean),
    Code: required(text),
    Message: text,
  }),
);

const RECEIVED = structure({
  MessageId: text,
  ReceiptHandle: text,
  MD5OfBody: text,
  Body: text,
  Attributes: flatMap('Attribute', STRING, NAME_VALUE),
  MD5OfMessageAttributes: text,
  MessageAttributes: flatMap('MessageAttribute', MESSAGE_ATTRIBUTE, NAME_VALUE),
});

const RECEIPT = { ReceiptHandle: required(text) };
const ID = { Id: required(text) };
const QUEUE_URL = { QueueUrl: needed(text) };

export const SQS_MESSAGE_ACTIONS: Readonly<Record<string, ActionRow>> = {
  SendMessage: {
    input: { ...QUEUE_URL, ...MESSAGE },
    output: SENT,
    errors: [...QUEUE_ERRORS, ...KMS_ERRORS, 'InvalidMessageContents'],
  },
  SendMessageBatch: {
    input: {
      ...QUEUE_URL,
      Entries: required(
        flatList(
          'SendMessageBatchRequestEntry',
          // An empty body fails its entry only.
          structure({ ...ID, ...MESSAGE, MessageBody: required(text) }),
        ),
      ),
    },
    output: {
      Successful: required(
        flatList(
          'SendMessageBatchResultEntry',
          structure({
            ...ID,
            ...SENT,
            MessageId: required(text),
            MD5OfMessageBody: required(text),
          }),
        ),
      ),
      Failed: required(FAILED),
    },
    errors: [...BATCH_ERRORS, ...KMS_ERRORS, 'BatchRequestTooLong'],
  },
  ReceiveMessage: {
    input: {
      ...QUEUE_URL,
      AttributeNames: flatList('AttributeName', STRING),
      // The Query protocol has one name for both: the second replaced the first.
      MessageSystemAttributeNames: flatList('AttributeName', STRING),
      MessageAttributeNames: flatList('MessageAttributeName', STRING),
      MaxNumberOfMessages: integer,
      VisibilityTimeout: integer,
      WaitTimeSeconds: integer,
      ReceiveRequestAttemptId: text,
    },
    output: { Messages: flatList('Message', RECEIVED) },
    errors: [...QUEUE_ERRORS, ...KMS_ERRORS, 'OverLimit'],
  },
  DeleteMessage: {
    input: { ...QUEUE_URL, ...RECEIPT },
    errors: [...QUEUE_ERRORS, 'InvalidIdFormat', 'ReceiptHandleIsInvalid'],
  },
  DeleteMessageBatch: {
    input: {
      ...QUEUE_URL,
      Entries: required(
        flatList('DeleteMessageBatchRequestEntry', structure({ ...ID, ...RECEIPT })),
      ),
    },
    output: {
      Successful: required(flatList('DeleteMessageBatchResultEntry', structure(ID))),
      Failed: required(FAILED),
    },
    errors: BATCH_ERRORS,
  },
  ChangeMessageVisibility: {
    input: { ...QUEUE_URL, ...RECEIPT, VisibilityTimeout: required(integer) },
    errors: [...QUEUE_ERRORS, 'MessageNotInflight', 'ReceiptHandleIsInvalid'],
  },
  ChangeMessageVisibilityBatch: {
    input: {
      ...QUEUE_URL,
      Entries: required(
        flatList(
          'ChangeMessageVisibilityBatchRequestEntry',
          structure({ ...ID, ...RECEIPT, VisibilityTimeout: integer }),
        ),
      ),
    },
    output: {
      Successful: required(flatList('ChangeMessageVisibilityBatchResultEntry', structure(ID))),
      Failed: required(FAILED),
    },
    errors: BATCH_ERRORS,
  },
};

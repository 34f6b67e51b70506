/** The actions of SNS that publish. */
import {
  type ActionRow,
  blob,
  boolean,
  list,
  map,
  required,
  structure,
  text,
} from './shape-builders.ts';

const PUBLISH_ERRORS = [
  'AuthorizationErrorException',
  'EndpointDisabledException',
  'InternalErrorException',
  'InvalidParameterException',
  'InvalidParameterValueException',
  'InvalidSecurityException',
  'KMSAccessDeniedException',
  'KMSDisabledException',
  'KMSInvalidStateException',
  'KMSNotFoundException',
  'KMSOptInRequired',
  'KMSThrottlingException',
  'NotFoundException',
  'PlatformApplicationDisabledException',
  'ValidationException',
];

const MESSAGE = {
  Message: required(text),
  Subject: text,
  MessageStructure: text,
  MessageAttributes: map(
    structure({ DataType: required(text), StringValue: text, BinaryValue: blob }),
    { key: 'Name', value: 'Value' },
  ),
  MessageDeduplicationId: text,
  MessageGroupId: text,
};

const PUBLISHED = { MessageId: text, SequenceNumber: text };

export const SNS_PUBLISH_ACTIONS: Readonly<Record<string, ActionRow>> = {
  Publish: {
    input: { TopicArn: text, TargetArn: text, PhoneNumber: text, ...MESSAGE },
    output: PUBLISHED,
    errors: PUBLISH_ERRORS,
  },
  PublishBatch: {
    input: {
      TopicArn: required(text),
      PublishBatchRequestEntries: required(list(structure({ Id: required(text), ...MESSAGE }))),
    },
    output: {
      Successful: list(structure({ Id: text, ...PUBLISHED })),
      Failed: list(
        structure({
          Id: required(text),
          Code: required(text),
          Message: text,
          SenderFault: required(boolean),
        }),
      ),
    },
    errors: [
      ...PUBLISH_ERRORS,
      'BatchEntryIdsNotDistinctException',
      'BatchRequestTooLongException',
      'EmptyBatchRequestException',
      'InvalidBatchEntryIdException',
      'TooManyEntriesInBatchRequestException',
    ],
  },
};

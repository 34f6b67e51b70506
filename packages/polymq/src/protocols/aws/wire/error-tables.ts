/**
 * Every error that clients may see, in three tables: of SQS, of SNS, and of all services. A handler throws the code; the table of its
 * service says how that is written: as a type in AWS JSON, as a code in the Query protocol, and with which HTTP status.
 */

export interface AwsErrorRow {
  /** The name of the shape in AWS JSON. */
  readonly json: string;
  /** What stands before it: the service's own errors have its namespace, those of all services the one of AWS's own server. */
  readonly namespace: string;
  readonly query: string;
  readonly status: number;
  readonly fault: 'Sender' | 'Receiver';
}

const CORAL = 'com.amazon.coral.service';

type Entry = readonly [query: string, status: number, json?: string];

function rows<Code extends string>(
  namespace: string,
  entries: Readonly<Record<Code, Entry>>,
): Readonly<Record<Code, AwsErrorRow>> {
  const table = Object.entries<Entry>(entries).map(([code, [query, status, json]]) => [
    code,
    { json: json ?? code, namespace, query, status, fault: status < 500 ? 'Sender' : 'Receiver' },
  ]);
  return Object.fromEntries(table);
}

function prefixed(name: string): string {
  return `AWS.SimpleQueueService.${name}`;
}

type SqsCode =
  | 'BatchEntryIdsNotDistinct'
  | 'BatchRequestTooLong'
  | 'EmptyBatchRequest'
  | 'InvalidAddress'
  | 'InvalidAttributeName'
  | 'InvalidAttributeValue'
  | 'InvalidBatchEntryId'
  | 'InvalidIdFormat'
  | 'InvalidMessageContents'
  | 'InvalidSecurity'
  | 'KmsAccessDenied'
  | 'KmsDisabled'
  | 'KmsInvalidKeyUsage'
  | 'KmsInvalidState'
  | 'KmsNotFound'
  | 'KmsOptInRequired'
  | 'KmsThrottled'
  | 'MessageNotInflight'
  | 'OverLimit'
  | 'PurgeQueueInProgress'
  | 'QueueDeletedRecently'
  | 'QueueDoesNotExist'
  | 'QueueNameExists'
  | 'ReceiptHandleIsInvalid'
  | 'RequestThrottled'
  | 'ResourceNotFoundException'
  | 'TooManyEntriesInBatchRequest'
  | 'UnsupportedOperation';

export const SQS_ERRORS: Readonly<Record<SqsCode, AwsErrorRow>> = rows('com.amazonaws.sqs', {
  BatchEntryIdsNotDistinct: [prefixed('BatchEntryIdsNotDistinct'), 400],
  BatchRequestTooLong: [prefixed('BatchRequestTooLong'), 400],
  EmptyBatchRequest: [prefixed('EmptyBatchRequest'), 400],
  InvalidAddress: ['InvalidAddress', 404],
  InvalidAttributeName: ['InvalidAttributeName', 400],
  InvalidAttributeValue: ['InvalidAttributeValue', 400],
  InvalidBatchEntryId: [prefixed('InvalidBatchEntryId'), 400],
  InvalidIdFormat: ['InvalidIdFormat', 400],
  InvalidMessageContents: ['InvalidMessageContents', 400],
  InvalidSecurity: ['InvalidSecurity', 403],
  KmsAccessDenied: ['KMS.AccessDeniedException', 400],
  KmsDisabled: ['KMS.DisabledException', 400],
  KmsInvalidKeyUsage: ['KMS.InvalidKeyUsageException', 400],
  KmsInvalidState: ['KMS.InvalidStateException', 400],
  KmsNotFound: ['KMS.NotFoundException', 400],
  KmsOptInRequired: ['KMS.OptInRequired', 403],
  KmsThrottled: ['KMS.ThrottlingException', 400],
  MessageNotInflight: [prefixed('MessageNotInflight'), 400],
  OverLimit: ['OverLimit', 403],
  PurgeQueueInProgress: [prefixed('PurgeQueueInProgress'), 403],
  QueueDeletedRecently: [prefixed('QueueDeletedRecently'), 400],
  QueueDoesNotExist: [prefixed('NonExistentQueue'), 400],
  QueueNameExists: ['QueueAlreadyExists', 400],
  ReceiptHandleIsInvalid: ['ReceiptHandleIsInvalid', 404],
  RequestThrottled: ['RequestThrottled', 403],
  ResourceNotFoundException: ['ResourceNotFoundException', 404],
  TooManyEntriesInBatchRequest: [prefixed('TooManyEntriesInBatchRequest'), 400],
  UnsupportedOperation: [prefixed('UnsupportedOperation'), 400],
});

type SnsCode =
  | 'AuthorizationError'
  | 'BatchEntryIdsNotDistinct'
  | 'BatchRequestTooLong'
  | 'ConcurrentAccess'
  | 'EmptyBatchRequest'
  | 'EndpointDisabled'
  | 'FilterPolicyLimitExceeded'
  | 'InternalError'
  | 'InvalidBatchEntryId'
  | 'InvalidParameter'
  | 'InvalidParameterValue'
  | 'InvalidSecurity'
  | 'InvalidState'
  | 'KMSAccessDenied'
  | 'KMSDisabled'
  | 'KMSInvalidState'
  | 'KMSNotFound'
  | 'KMSOptInRequired'
  | 'KMSThrottling'
  | 'NotFound'
  | 'PlatformApplicationDisabled'
  | 'ReplayLimitExceeded'
  | 'ResourceNotFound'
  | 'StaleTag'
  | 'SubscriptionLimitExceeded'
  | 'TagLimitExceeded'
  | 'TagPolicy'
  | 'Throttled'
  | 'TooManyEntriesInBatchRequest'
  | 'TopicLimitExceeded'
  | 'Validation';

/** In AWS JSON, which SNS itself does not speak, by the names that the SDKs have for them. */
export const SNS_ERRORS: Readonly<Record<SnsCode, AwsErrorRow>> = rows('com.amazonaws.sns', {
  AuthorizationError: exception('AuthorizationError', 403),
  BatchEntryIdsNotDistinct: exception('BatchEntryIdsNotDistinct'),
  BatchRequestTooLong: exception('BatchRequestTooLong'),
  ConcurrentAccess: exception('ConcurrentAccess'),
  EmptyBatchRequest: exception('EmptyBatchRequest'),
  EndpointDisabled: exception('EndpointDisabled'),
  FilterPolicyLimitExceeded: exception('FilterPolicyLimitExceeded', 403),
  InternalError: exception('InternalError', 500),
  InvalidBatchEntryId: exception('InvalidBatchEntryId'),
  InvalidParameter: exception('InvalidParameter'),
  InvalidParameterValue: ['ParameterValueInvalid', 400, 'InvalidParameterValueException'],
  InvalidSecurity: exception('InvalidSecurity', 403),
  InvalidState: exception('InvalidState'),
  KMSAccessDenied: exception('KMSAccessDenied'),
  KMSDisabled: exception('KMSDisabled'),
  KMSInvalidState: exception('KMSInvalidState'),
  KMSNotFound: exception('KMSNotFound'),
  KMSOptInRequired: ['KMSOptInRequired', 403],
  KMSThrottling: exception('KMSThrottling'),
  NotFound: exception('NotFound', 404),
  PlatformApplicationDisabled: exception('PlatformApplicationDisabled'),
  ReplayLimitExceeded: exception('ReplayLimitExceeded', 403),
  ResourceNotFound: exception('ResourceNotFound', 404),
  StaleTag: exception('StaleTag'),
  SubscriptionLimitExceeded: exception('SubscriptionLimitExceeded', 403),
  TagLimitExceeded: exception('TagLimitExceeded'),
  TagPolicy: exception('TagPolicy'),
  Throttled: exception('Throttled', 429),
  TooManyEntriesInBatchRequest: exception('TooManyEntriesInBatchRequest'),
  TopicLimitExceeded: exception('TopicLimitExceeded', 403),
  Validation: ['ValidationException', 400, 'ValidationException'],
});

type CommonCode =
  | 'AccessDenied'
  | 'IncompleteSignature'
  | 'InternalFailure'
  | 'InvalidAction'
  | 'InvalidClientTokenId'
  | 'InvalidParameterCombination'
  | 'InvalidParameterValue'
  | 'MalformedInput'
  | 'MalformedQueryString'
  | 'MissingAction'
  | 'MissingAuthenticationToken'
  | 'MissingParameter'
  | 'OptInRequired'
  | 'RequestEntityTooLarge'
  | 'RequestExpired'
  | 'SerializationException'
  | 'ServiceUnavailable'
  | 'SignatureDoesNotMatch'
  | 'ThrottlingException'
  | 'UnknownOperationException'
  | 'ValidationError';

export const COMMON_ERRORS: Readonly<Record<CommonCode, AwsErrorRow>> = rows(CORAL, {
  AccessDenied: ['AccessDenied', 403, 'AccessDeniedException'],
  IncompleteSignature: ['IncompleteSignature', 400, 'IncompleteSignatureException'],
  InternalFailure: ['InternalFailure', 500],
  InvalidAction: ['InvalidAction', 400],
  InvalidClientTokenId: ['InvalidClientTokenId', 403, 'UnrecognizedClientException'],
  InvalidParameterCombination: ['InvalidParameterCombination', 400],
  InvalidParameterValue: ['InvalidParameterValue', 400, 'InvalidParameterValueException'],
  MalformedInput: ['MalformedInput', 400, 'SerializationException'],
  MalformedQueryString: ['MalformedQueryString', 404],
  MissingAction: ['MissingAction', 400],
  MissingAuthenticationToken: [
    'MissingAuthenticationToken',
    403,
    'MissingAuthenticationTokenException',
  ],
  MissingParameter: ['MissingParameter', 400, 'MissingRequiredParameterException'],
  OptInRequired: ['OptInRequired', 403],
  RequestEntityTooLarge: ['RequestEntityTooLarge', 413, 'RequestEntityTooLargeException'],
  RequestExpired: ['RequestExpired', 400],
  SerializationException: ['MalformedInput', 400],
  ServiceUnavailable: ['ServiceUnavailable', 503, 'ServiceUnavailableException'],
  SignatureDoesNotMatch: ['SignatureDoesNotMatch', 403, 'InvalidSignatureException'],
  ThrottlingException: ['Throttling', 400],
  UnknownOperationException: ['InvalidAction', 404],
  ValidationError: ['ValidationError', 400, 'ValidationException'],
});

export type AwsErrorCode = SqsCode | SnsCode | CommonCode;

function exception(name: string, status = 400): Entry {
  return [name, status, `${name}Exception`];
}

/** How `service` writes it. What only another service has is written as there. */
export function errorRow(service: string, code: AwsErrorCode): AwsErrorRow {
  const [own, other] = service === 'sns' ? [SNS_ERRORS, SQS_ERRORS] : [SQS_ERRORS, SNS_ERRORS];
  return (lookup(own, code) ?? lookup(COMMON_ERRORS, code) ?? lookup(other, code))!;
}

function lookup(table: object, code: AwsErrorCode): AwsErrorRow | undefined {
  return (table as Partial<Record<AwsErrorCode, AwsErrorRow>>)[code];
}

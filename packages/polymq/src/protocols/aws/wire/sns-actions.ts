/**
 * The actions of SNS that we offer: their inputs, outputs and errors, as the service models of the SDKs have them; and the names of those
 * that we do not. A test compares both with the models.
 */
import type { ServiceTable } from './shape.ts';
import {
  type ActionRow,
  boolean,
  list,
  map,
  required,
  STRING,
  serviceTable,
  structure,
  text,
} from './shape-builders.ts';
import { SNS_PUBLISH_ACTIONS } from './sns-publish-actions.ts';

const COMMON = [
  'AuthorizationErrorException',
  'InternalErrorException',
  'InvalidParameterException',
];
const RESOURCE_ERRORS = [...COMMON, 'NotFoundException'];
const SECURE_ERRORS = [...RESOURCE_ERRORS, 'InvalidSecurityException'];
const SUBSCRIBE_ERRORS = [
  ...RESOURCE_ERRORS,
  'FilterPolicyLimitExceededException',
  'ReplayLimitExceededException',
];

const TOPIC = { TopicArn: required(text) };
const SUBSCRIPTION = { SubscriptionArn: required(text) };
const RESOURCE = { ResourceArn: required(text) };
const NEXT_TOKEN = { NextToken: text };
const ATTRIBUTES = map(STRING);
const TAGS = list(structure({ Key: required(text), Value: required(text) }));
const CHANGE = { AttributeName: required(text), AttributeValue: text };

const TOPIC_ACTIONS: Readonly<Record<string, ActionRow>> = {
  CreateTopic: {
    input: { Name: required(text), Attributes: ATTRIBUTES, Tags: TAGS, DataProtectionPolicy: text },
    output: { TopicArn: text },
    errors: [
      ...COMMON,
      'ConcurrentAccessException',
      'InvalidSecurityException',
      'StaleTagException',
      'TagLimitExceededException',
      'TagPolicyException',
      'TopicLimitExceededException',
    ],
  },
  DeleteTopic: {
    input: TOPIC,
    errors: [
      ...RESOURCE_ERRORS,
      'ConcurrentAccessException',
      'InvalidStateException',
      'StaleTagException',
      'TagPolicyException',
    ],
  },
  ListTopics: {
    input: NEXT_TOKEN,
    output: { Topics: list(structure({ TopicArn: text })), ...NEXT_TOKEN },
    errors: COMMON,
  },
  GetTopicAttributes: { input: TOPIC, output: { Attributes: ATTRIBUTES }, errors: SECURE_ERRORS },
  SetTopicAttributes: { input: { ...TOPIC, ...CHANGE }, errors: SECURE_ERRORS },
  AddPermission: {
    input: {
      ...TOPIC,
      Label: required(text),
      AWSAccountId: required(list(STRING)),
      ActionName: required(list(STRING)),
    },
    errors: RESOURCE_ERRORS,
  },
  RemovePermission: { input: { ...TOPIC, Label: required(text) }, errors: RESOURCE_ERRORS },
  GetDataProtectionPolicy: {
    input: RESOURCE,
    output: { DataProtectionPolicy: text },
    errors: SECURE_ERRORS,
  },
  PutDataProtectionPolicy: {
    input: { ...RESOURCE, DataProtectionPolicy: required(text) },
    errors: SECURE_ERRORS,
  },
};

const SUBSCRIPTIONS = {
  Subscriptions: list(
    structure({
      SubscriptionArn: text,
      Owner: text,
      Protocol: text,
      Endpoint: text,
      TopicArn: text,
    }),
  ),
  ...NEXT_TOKEN,
};

const SUBSCRIPTION_ACTIONS: Readonly<Record<string, ActionRow>> = {
  Subscribe: {
    input: {
      ...TOPIC,
      Protocol: required(text),
      Endpoint: text,
      Attributes: ATTRIBUTES,
      ReturnSubscriptionArn: boolean,
    },
    output: { SubscriptionArn: text },
    errors: [...SUBSCRIBE_ERRORS, 'InvalidSecurityException', 'SubscriptionLimitExceededException'],
  },
  ConfirmSubscription: {
    input: { ...TOPIC, Token: required(text), AuthenticateOnUnsubscribe: text },
    output: { SubscriptionArn: text },
    errors: [...SUBSCRIBE_ERRORS, 'SubscriptionLimitExceededException'],
  },
  Unsubscribe: { input: SUBSCRIPTION, errors: SECURE_ERRORS },
  ListSubscriptions: { input: NEXT_TOKEN, output: SUBSCRIPTIONS, errors: COMMON },
  ListSubscriptionsByTopic: {
    input: { ...TOPIC, ...NEXT_TOKEN },
    output: SUBSCRIPTIONS,
    errors: RESOURCE_ERRORS,
  },
  GetSubscriptionAttributes: {
    input: SUBSCRIPTION,
    output: { Attributes: ATTRIBUTES },
    errors: RESOURCE_ERRORS,
  },
  SetSubscriptionAttributes: { input: { ...SUBSCRIPTION, ...CHANGE }, errors: SUBSCRIBE_ERRORS },
};

const TAG_ERRORS = [
  'AuthorizationErrorException',
  'ConcurrentAccessException',
  'InvalidParameterException',
  'ResourceNotFoundException',
  'TagPolicyException',
];
const TAG_CHANGE_ERRORS = [...TAG_ERRORS, 'StaleTagException', 'TagLimitExceededException'];

const TAG_ACTIONS: Readonly<Record<string, ActionRow>> = {
  TagResource: {
    input: { ...RESOURCE, Tags: required(TAGS) },
    output: {},
    errors: TAG_CHANGE_ERRORS,
  },
  UntagResource: {
    input: { ...RESOURCE, TagKeys: required(list(STRING)) },
    output: {},
    errors: TAG_CHANGE_ERRORS,
  },
  ListTagsForResource: { input: RESOURCE, output: { Tags: TAGS }, errors: TAG_ERRORS },
};

export const SNS: ServiceTable = serviceTable(
  {
    service: 'sns',
    targetPrefix: 'AmazonSimpleNotificationService',
    version: '2010-03-31',
    xmlNamespace: 'http://sns.amazonaws.com/doc/2010-03-31/',
  },
  { ...TOPIC_ACTIONS, ...SUBSCRIPTION_ACTIONS, ...SNS_PUBLISH_ACTIONS, ...TAG_ACTIONS },
);

/** Of SNS and known to the SDKs, but answered `InvalidAction`: they need a mobile push service or a phone network. */
export const SNS_NOT_OFFERED: readonly string[] = [
  'CheckIfPhoneNumberIsOptedOut',
  'CreatePlatformApplication',
  'CreatePlatformEndpoint',
  'CreateSMSSandboxPhoneNumber',
  'DeleteEndpoint',
  'DeletePlatformApplication',
  'DeleteSMSSandboxPhoneNumber',
  'GetEndpointAttributes',
  'GetPlatformApplicationAttributes',
  'GetSMSAttributes',
  'GetSMSSandboxAccountStatus',
  'ListEndpointsByPlatformApplication',
  'ListOriginationNumbers',
  'ListPhoneNumbersOptedOut',
  'ListPlatformApplications',
  'ListSMSSandboxPhoneNumbers',
  'OptInPhoneNumber',
  'SetEndpointAttributes',
  'SetPlatformApplicationAttributes',
  'SetSMSAttributes',
  'VerifySMSSandboxPhoneNumber',
];

/**
 * The settings of SQS and SNS, rows of the table in `settings.ts`. What an SNS topic may reach beyond this broker is off until
 * it is named here: private addresses, functions, mail, text messages.
 */
import { addressRuleProblem } from '../../lib/environment/address-rules.ts';
import type { SettingsOf } from './setting.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

export interface AwsConfig {
  region: string;
  accountId: string;
  accessKeys: readonly string[];
  strict: boolean;
  messageBytesMax: number;
}

export interface SnsConfig {
  privateTargets: readonly string[];
  lambdaEndpoints: readonly string[];
  smtpUrl: string;
  emailFrom: string;
  smsWebhook: string;
}

export const aws: SettingsOf<AwsConfig> = {
  region: {
    kind: 'text',
    default: '',
    check: (text) => (/^[a-z0-9-]{0,32}$/.test(text) ? undefined : 'must look like eu-west-1'),
    doc: 'The AWS region in the ARNs of SQS queues and SNS topics. Empty: the one that the client signs for.',
  },
  accountId: {
    kind: 'text',
    default: '000000000000',
    check: (text) => (/^[0-9]{12}$/.test(text) ? undefined : 'must have 12 digits'),
    doc: 'The AWS account id in ARNs and queue URLs.',
  },
  accessKeys: {
    kind: 'list',
    default: [],
    placeholder: 'ID:SECRET',
    secret: true,
    check: (text) =>
      /^[^:,]+:[^,]+$/.test(text) ? undefined : 'must look like ACCESSKEYID:SECRETKEY',
    doc: 'Access keys of AWS clients. If there are any, every request must be signed with one of them; without, any credentials do, from this machine only.',
  },
  strict: {
    kind: 'boolean',
    default: false,
    doc: "Keeps SQS and SNS to all of AWS's own quotas, also where they only get in the way: one purge and one new queue of the same name a minute, messages in flight, numbers of tags and subscriptions.",
  },
  messageBytesMax: {
    kind: 'bytes',
    default: MIB,
    min: KIB,
    max: 16 * MIB,
    doc: 'The largest message that SQS and SNS take, with its attributes; also the largest `MaximumMessageSize` of a queue.',
  },
};

export const sns: SettingsOf<SnsConfig> = {
  privateTargets: {
    kind: 'list',
    default: [],
    placeholder: 'ADDRESS[/BITS]',
    check: addressRuleProblem,
    doc: 'Private addresses that http and https subscriptions may reach, such as `127.0.0.1` or `10.0.0.0/8`. All others of this machine and its networks are refused.',
  },
  lambdaEndpoints: {
    kind: 'list',
    default: [],
    placeholder: 'NAME=URL',
    check: (text) =>
      /^[^=,]+=https?:\/\/.+$/.test(text) ? undefined : 'must look like NAME=http://host:port',
    doc: 'Where Lambda functions that subscribe to SNS topics are invoked, by function name; `*=URL` is for all others.',
  },
  smtpUrl: {
    kind: 'text',
    default: '',
    placeholder: 'smtp://HOST:PORT',
    secret: true,
    check: (text) =>
      text === '' || /^smtps?:\/\/.+$/.test(text) ? undefined : 'must look like smtp://host:587',
    doc: 'The mail server for email subscriptions, such as `smtp://user:password@mail.example:587`. Empty: they are refused.',
  },
  emailFrom: {
    kind: 'text',
    default: 'no-reply@polymq.local',
    check: (text) => (text.includes('@') ? undefined : 'must be a mail address'),
    doc: 'The sender of mails to email subscriptions.',
  },
  smsWebhook: {
    kind: 'text',
    default: '',
    check: (text) =>
      text === '' || /^https?:\/\/.+$/.test(text) ? undefined : 'must be an http or https URL',
    doc: 'Where text messages are posted to as JSON. Empty: sms subscriptions are refused.',
  },
};

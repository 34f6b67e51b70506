/**
 * What endpoints get that did not ask for raw messages: the JSON that SNS puts around a message, signed.
 *
 *   {"Type","MessageId","SequenceNumber"?,"TopicArn","Subject"?,"Message","Timestamp","SignatureVersion","Signature",
 *    "SigningCertURL","UnsubscribeURL","MessageAttributes"?}
 *
 * The signature covers what the documentation of SNS names, not the URLs, so one signature serves all subscriptions of a
 * message that get the same text.
 */
import type { MessageProperties } from '../message/properties.ts';
import type { SignatureVersion, SnsSigner } from './signing/signer.ts';

/** A published message. */
export interface PublishedMessage {
  properties: MessageProperties;
  body: string;
  publishedMs: number;
}

/** How one endpoint gets it. */
export interface EnvelopeOptions {
  /** Where endpoints reach this broker, such as `http://broker:9324`. */
  origin: string;
  /** Undefined: the message came over a binding that is no subscription. */
  subscriptionArn: string | undefined;
  /** Chooses the body where `MessageStructure` was `json`. */
  protocol: string;
  signatureVersion: SignatureVersion;
  signer: SnsSigner;
}

/** A notification, its members in the order of AWS. */
export interface Notification {
  Type: 'Notification';
  MessageId: string;
  SequenceNumber?: string;
  TopicArn: string;
  Subject?: string;
  Message: string;
  Timestamp: string;
  SignatureVersion: string;
  Signature: string;
  SigningCertURL: string;
  UnsubscribeURL: string;
  MessageAttributes?: Record<string, { Type: string; Value: string }>;
}

/** The body for endpoints of this protocol: raw deliveries are this text alone. */
export function bodyFor(message: PublishedMessage, protocol: string): string {
  const { structure } = message.properties;
  if (structure === undefined) return message.body;
  const bodies = JSON.parse(structure) as Record<string, string>;
  return Object.hasOwn(bodies, protocol) ? bodies[protocol]! : message.body;
}

export async function renderNotification(
  message: PublishedMessage,
  options: EnvelopeOptions,
): Promise<Notification> {
  const { properties } = message;
  const { messageId, sequenceNumber, topicArn = '', subject } = properties;
  const { origin, protocol, signatureVersion, signer } = options;
  const body = bodyFor(message, protocol);
  const timestamp = new Date(message.publishedMs).toISOString();
  const signed = notificationText(messageId, { body, subject, timestamp, topicArn });
  const key = properties.structure === undefined ? messageId : `${messageId} ${protocol}`;
  const signature = await signer.sign(signed, signatureVersion, `${signatureVersion} ${key}`);
  const attributes = envelopeAttributes(properties.attributes);
  return {
    Type: 'Notification',
    MessageId: messageId,
    ...(sequenceNumber !== undefined && { SequenceNumber: sequenceNumber }),
    TopicArn: topicArn,
    ...(subject !== undefined && { Subject: subject }),
    Message: body,
    Timestamp: timestamp,
    SignatureVersion: signatureVersion,
    Signature: signature,
    SigningCertURL: origin + signer.certificatePath,
    UnsubscribeURL: unsubscribeUrl(options),
    ...(attributes !== undefined && { MessageAttributes: attributes }),
  };
}

export async function renderEnvelope(
  message: PublishedMessage,
  options: EnvelopeOptions,
): Promise<string> {
  return JSON.stringify(await renderNotification(message, options));
}

/** What readers of queues get of a FIFO topic: AWS does not sign it. */
export function renderFifoEnvelope(
  message: PublishedMessage,
  options: Pick<EnvelopeOptions, 'origin' | 'subscriptionArn'>,
): string {
  const { properties } = message;
  const { messageId, sequenceNumber, topicArn = '', subject } = properties;
  const attributes = envelopeAttributes(properties.attributes);
  return JSON.stringify({
    Type: 'Notification',
    MessageId: messageId,
    SequenceNumber: sequenceNumber,
    TopicArn: topicArn,
    ...(subject !== undefined && { Subject: subject }),
    Message: bodyFor(message, 'sqs'),
    Timestamp: new Date(message.publishedMs).toISOString(),
    UnsubscribeURL: unsubscribeUrl(options),
    ...(attributes !== undefined && { MessageAttributes: attributes }),
  });
}

function unsubscribeUrl({
  origin,
  subscriptionArn = '',
}: Pick<EnvelopeOptions, 'origin' | 'subscriptionArn'>): string {
  return `${origin}/?Action=Unsubscribe&SubscriptionArn=${subscriptionArn}`;
}

/** What http(s) endpoints get before anything else, and when a subscription has ended. */
export interface ConfirmationOptions {
  type: 'SubscriptionConfirmation' | 'UnsubscribeConfirmation';
  messageId: string;
  token: string;
  topicArn: string;
  timestampMs: number;
  origin: string;
  /** Unsubscribed: whoever visits the URL subscribes again. */
  subscriptionArn?: string;
  signatureVersion: SignatureVersion;
  signer: SnsSigner;
}

export async function renderConfirmation(options: ConfirmationOptions): Promise<string> {
  const { type, messageId, token, topicArn, origin, signatureVersion, signer } = options;
  const timestamp = new Date(options.timestampMs).toISOString();
  const message =
    type === 'SubscriptionConfirmation'
      ? `You have chosen to subscribe to the topic ${topicArn}.\nTo confirm the subscription, visit the SubscribeURL included in this message.`
      : `You have chosen to deactivate subscription ${options.subscriptionArn ?? ''}.\nTo cancel this operation and restore the subscription, visit the SubscribeURL included in this message.`;
  const subscribeUrl = confirmationUrl(origin, topicArn, token);
  const signed = textToSign([
    ['Message', message],
    ['MessageId', messageId],
    ['SubscribeURL', subscribeUrl],
    ['Timestamp', timestamp],
    ['Token', token],
    ['TopicArn', topicArn],
    ['Type', type],
  ]);
  return JSON.stringify({
    Type: type,
    MessageId: messageId,
    Token: token,
    TopicArn: topicArn,
    Message: message,
    SubscribeURL: subscribeUrl,
    Timestamp: timestamp,
    SignatureVersion: signatureVersion,
    Signature: await signer.sign(signed, signatureVersion, `${signatureVersion} ${messageId}`),
    SigningCertURL: origin + signer.certificatePath,
  });
}

export function confirmationUrl(origin: string, topicArn: string, token: string): string {
  return `${origin}/?Action=ConfirmSubscription&TopicArn=${topicArn}&Token=${token}`;
}

function notificationText(
  messageId: string,
  of: { body: string; subject: string | undefined; timestamp: string; topicArn: string },
): string {
  return textToSign([
    ['Message', of.body],
    ['MessageId', messageId],
    ...(of.subject === undefined ? [] : [['Subject', of.subject] as const]),
    ['Timestamp', of.timestamp],
    ['TopicArn', of.topicArn],
    ['Type', 'Notification'],
  ]);
}

/** Each name and each value on a line of its own, in the order of names. */
function textToSign(lines: readonly (readonly [name: string, value: string])[]): string {
  return lines.map(([name, value]) => `${name}\n${value}\n`).join('');
}

function envelopeAttributes(json: string | undefined): Notification['MessageAttributes'] {
  if (json === undefined) return undefined;
  const attributes = JSON.parse(json) as Record<
    string,
    { DataType: string; StringValue?: string; BinaryValue?: string }
  >;
  const entries = Object.entries(attributes).map(
    ([name, { DataType, StringValue, BinaryValue }]) =>
      [name, { Type: DataType, Value: StringValue ?? BinaryValue ?? '' }] as const,
  );
  return Object.fromEntries(entries);
}

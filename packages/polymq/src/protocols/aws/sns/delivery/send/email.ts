/** Deliveries by mail: the message as text with a link to unsubscribe, or the envelope as JSON. */

import type { SubscriptionsView } from '../../delivery-port.ts';
import { bodyFor, confirmationUrl, type Notification } from '../../envelope.ts';
import type { Subscription } from '../../subscription.ts';
import type { Failure, Sender } from '../delivery.ts';
import type { Mail, MailSender } from '../mail-sender.ts';
import { type EnvelopeParts, notificationOf } from './envelope-of.ts';

const DEFAULT_SUBJECT = 'AWS Notification Message';

export interface EmailParts extends EnvelopeParts {
  /** Undefined: not configured. */
  readonly mail: MailSender | undefined;
  readonly from: string;
}

export function emailSender(parts: EmailParts): Sender {
  return {
    async render(delivery) {
      return JSON.stringify(await notificationOf(parts, delivery));
    },
    send({ subscription, message }, envelope) {
      const text =
        subscription.protocol === 'email-json'
          ? envelope
          : messageText(bodyFor(message, 'email'), JSON.parse(envelope) as Notification);
      const subject = message.properties.subject ?? DEFAULT_SUBJECT;
      return sendMail(parts, subscription, { subject, text });
    },
  };
}

/** The mail that asks whether the address wants what the topic sends. */
export function sendConfirmationMail(
  parts: EmailParts,
  subscription: Subscription,
  token: string,
): Promise<Failure | undefined> {
  const { topicArn, origin } = subscription;
  const text = [
    `You have chosen to subscribe to the topic ${topicArn}.`,
    '',
    'To confirm this subscription, visit the link below. If this was in error, no action is necessary.',
    confirmationUrl(origin, topicArn, token),
    '',
  ].join('\n');
  return sendMail(parts, subscription, { subject: 'Subscription Confirmation', text });
}

/** Sends a mail in the name of the topic. */
export async function sendMail(
  { mail, from, view }: Pick<EmailParts, 'mail' | 'from'> & { view: SubscriptionsView },
  { endpoint, topicName }: Subscription,
  content: Pick<Mail, 'subject' | 'text'>,
): Promise<Failure | undefined> {
  if (mail === undefined || from === '') return NOT_CONFIGURED;
  const fromName = view.topicAttributes(topicName)['DisplayName'] || topicName;
  return mail.send({ to: endpoint, fromName, fromAddress: from, ...content });
}

const NOT_CONFIGURED: Failure = {
  retry: false,
  code: 'NotConfigured',
  message: 'no mail server is configured (sns.smtpUrl, sns.emailFrom)',
};

function messageText(body: string, { UnsubscribeURL }: Notification): string {
  return [
    body,
    '',
    '--',
    'If you wish to stop receiving notifications from this topic, visit the link below to unsubscribe:',
    UnsubscribeURL,
    '',
  ].join('\n');
}

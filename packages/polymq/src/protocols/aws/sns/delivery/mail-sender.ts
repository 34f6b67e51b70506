import type { Failure } from './delivery.ts';

export interface Mail {
  /** One address; never parsed as a list. */
  to: string;
  fromName: string;
  fromAddress: string;
  subject: string;
  text: string;
}

/** Sends mail. */
export interface MailSender {
  /** Undefined: the mail server has taken it. */
  send(mail: Mail): Promise<Failure | undefined>;
  close(): void;
}

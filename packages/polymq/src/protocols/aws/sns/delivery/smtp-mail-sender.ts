/** Mail over SMTP. The library is loaded with the first mail: most brokers never send one. */
import type { Transporter } from 'nodemailer';
import type { Failure } from './delivery.ts';
import type { Mail, MailSender } from './mail-sender.ts';

/** Connections to the mail server. */
const CONNECTIONS_MAX = 3;
const CONNECT_MS = 5_000;
const SILENCE_MS = 15_000;

interface SmtpError {
  code?: string;
  /** What the server has answered. */
  responseCode?: number;
}

export class SmtpMailSender implements MailSender {
  readonly #url: string;
  #transporter: Promise<Transporter> | undefined;

  constructor(url: string) {
    this.#url = url;
  }

  async send(mail: Mail): Promise<Failure | undefined> {
    this.#transporter ??= this.#open();
    const transporter = await this.#transporter;
    try {
      await transporter.sendMail({
        from: { name: mail.fromName, address: mail.fromAddress },
        to: { name: '', address: mail.to },
        subject: mail.subject,
        text: mail.text,
        // Content is what is given here, never something that a message names.
        disableFileAccess: true,
        disableUrlAccess: true,
      });
      return undefined;
    } catch (error) {
      return failureOf(error as SmtpError);
    }
  }

  close(): void {
    this.#transporter?.then((transporter) => transporter.close()).catch(() => undefined);
    this.#transporter = undefined;
  }

  async #open(): Promise<Transporter> {
    const { createTransport } = await import('nodemailer');
    return createTransport({
      url: this.#url,
      pool: true,
      maxConnections: CONNECTIONS_MAX,
      connectionTimeout: CONNECT_MS,
      greetingTimeout: CONNECT_MS,
      socketTimeout: SILENCE_MS,
    });
  }
}

/** 5xx means no for good, but to a login: that is the operator's to mend, and the mail can wait for it. */
function failureOf({ code, responseCode }: SmtpError): Failure {
  const permanent = responseCode !== undefined && responseCode >= 500 && code !== 'EAUTH';
  return {
    retry: !permanent,
    code: String(responseCode ?? code ?? 'SmtpError'),
    message:
      responseCode === undefined
        ? 'the mail server could not be reached'
        : `the mail server answered ${responseCode}`,
  };
}

import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Mail } from './mail-sender.ts';
import { SmtpMailSender } from './smtp-mail-sender.ts';
import { type SmtpServer, startSmtpServer } from './testing/smtp-server.ts';

const MAIL: Mail = {
  to: 'reader@example.com',
  fromName: 'The News',
  fromAddress: 'news@example.com',
  subject: 'Today',
  text: 'all is well\n.\nreally',
};

let server: SmtpServer | undefined;
let sender: SmtpMailSender | undefined;

afterEach(async () => {
  sender?.close();
  await server?.close();
});

async function open(refuse?: (recipient: string) => string | undefined): Promise<SmtpMailSender> {
  server = await startSmtpServer(refuse);
  sender = new SmtpMailSender(`smtp://127.0.0.1:${server.port}`);
  return sender;
}

describe('mail over SMTP', () => {
  it('reaches the mail server as it was written', async () => {
    const smtp = await open();
    expect(await smtp.send(MAIL)).toBeUndefined();
    expect(await smtp.send({ ...MAIL, subject: 'Tomorrow' })).toBeUndefined();
    const [first, second] = server!.mails;
    expect(first).toMatchObject({ from: 'news@example.com', to: ['reader@example.com'] });
    expect(first!.text).toContain('From: The News <news@example.com>');
    expect(first!.text).toContain('Subject: Today');
    expect(first!.text).toContain('all is well\r\n..\r\nreally');
    expect(second!.text).toContain('Subject: Tomorrow');
  });

  it('adds no recipient and no header that an address or a subject smuggles in', async () => {
    const smtp = await open();
    await smtp.send({
      ...MAIL,
      to: 'reader@example.com, other@example.com',
      subject: 'Today\r\nBcc: other@example.com',
    });
    expect(server!.mails.every(({ to }) => to.length === 1)).toBe(true);
    for (const { text } of server!.mails) expect(text).not.toMatch(/^Bcc:/im);
  });

  it('is refused for good where the server says 5xx, and for now where it says 4xx', async () => {
    const smtp = await open((recipient) =>
      recipient.startsWith('nobody') ? '550 nobody here' : '451 later',
    );
    expect(await smtp.send({ ...MAIL, to: 'nobody@example.com' })).toMatchObject({
      retry: false,
      code: '550',
    });
    expect(await smtp.send(MAIL)).toMatchObject({ retry: true, code: '451' });
  });

  it('may be tried again where there is no server', async () => {
    const port = await freePort();
    sender = new SmtpMailSender(`smtp://user:secret@127.0.0.1:${port}`);
    const failure = await sender.send(MAIL);
    expect(failure).toMatchObject({ retry: true });
    expect(JSON.stringify(failure)).not.toContain('secret');
  });
});

/** Of a server that is gone. */
function freePort(): Promise<number> {
  const gone = createServer();
  return new Promise((resolve) => {
    gone.listen(0, '127.0.0.1', () => {
      const address = gone.address();
      gone.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0));
    });
  });
}

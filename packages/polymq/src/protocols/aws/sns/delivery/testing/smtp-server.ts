/** As little of an SMTP server as a mail needs. */
import { type AddressInfo, createServer, type Socket } from 'node:net';

export interface ReceivedMail {
  from: string;
  to: string[];
  /** Head and body as they came. */
  text: string;
}

export interface SmtpServer {
  readonly port: number;
  readonly mails: ReceivedMail[];
  close(): Promise<void>;
}

/** `refuse` names the answer to a recipient, such as `550 nobody here`. */
export async function startSmtpServer(
  refuse: (recipient: string) => string | undefined = () => undefined,
): Promise<SmtpServer> {
  const mails: ReceivedMail[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    speak(socket, mails, refuse);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    mails,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

function speak(
  socket: Socket,
  mails: ReceivedMail[],
  refuse: (recipient: string) => string | undefined,
): void {
  let buffered = '';
  let mail: ReceivedMail = { from: '', to: [], text: '' };
  let inData = false;
  const say = (line: string): void => {
    socket.write(`${line}\r\n`);
  };
  const command = (line: string): void => {
    const verb = line.slice(0, 4).toUpperCase();
    const address = /<(.*?)>/.exec(line)?.[1] ?? '';
    if (verb === 'EHLO') say('250-test\r\n250 8BITMIME');
    else if (verb === 'MAIL') {
      mail = { from: address, to: [], text: '' };
      say('250 ok');
    } else if (verb === 'RCPT') {
      const refusal = refuse(address);
      if (refusal === undefined) mail.to.push(address);
      say(refusal ?? '250 ok');
    } else if (verb === 'DATA') {
      inData = true;
      say('354 go on');
    } else if (verb === 'QUIT') {
      say('221 bye');
      socket.end();
    } else say('250 ok');
  };
  socket.on('data', (chunk: Buffer) => {
    buffered += chunk.toString('latin1');
    for (;;) {
      const end = buffered.indexOf(inData ? '\r\n.\r\n' : '\r\n');
      if (end < 0) return;
      const text = buffered.slice(0, end);
      buffered = buffered.slice(end + (inData ? 5 : 2));
      if (!inData) command(text);
      else {
        inData = false;
        mail.text = text;
        mails.push(mail);
        say('250 taken');
      }
    }
  });
  say('220 test');
}

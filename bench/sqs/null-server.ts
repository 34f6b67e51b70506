/**
 * A server that does next to nothing: what is left is the load generator's own cost. Runs as a process of its own
 * (`npx tsx bench/sqs/null-server.ts`), keeps the bodies of messages in arrays, and forgets what it has given out.
 */
import { createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

interface Poll {
  session: Session;
  messagesMax: number;
  timer: NodeJS.Timeout;
}

class NullQueue {
  readonly bodies: string[] = [];
  readonly polls: Poll[] = [];
  /** Bodies before it are gone. */
  #at = 0;

  get size(): number {
    return this.bodies.length - this.#at;
  }

  add(body: string): void {
    this.bodies.push(body);
    const poll = this.polls.shift();
    if (!poll) return;
    clearTimeout(poll.timer);
    poll.session.sendMessages(this.take(poll.messagesMax));
  }

  take(messagesMax: number): string[] {
    const some = this.bodies.slice(this.#at, this.#at + messagesMax);
    this.#at += some.length;
    return some;
  }

  wait(poll: Omit<Poll, 'timer'>, seconds: number): void {
    const timer = setTimeout(() => {
      this.polls.splice(this.polls.indexOf(waiting), 1);
      poll.session.sendMessages([]);
    }, seconds * 1000);
    const waiting = { ...poll, timer };
    this.polls.push(waiting);
  }
}

const queues = new Map<string, NullQueue>();
/** Of the one topic at a time. */
let subscribed: NullQueue[] = [];

const ACTION = /\r\nx-amz-target: AmazonSQS\.(\w+)/;
const ID = '5fea7756-0ea4-451a-a703-a558b933e274';
const MD5 = 'fafb00f5732ab283681e124bf8747ed1';
const XML = `<Response><TopicArn>arn</TopicArn><MessageId>${ID}</MessageId></Response>`;

class Session {
  readonly #socket: Socket;
  #kept = '';

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#onData(text));
    socket.on('error', () => {});
  }

  #onData(fresh: string): void {
    const text = this.#kept + fresh;
    const headEnd = text.indexOf('\r\n\r\n');
    const length = Number(text.slice(text.lastIndexOf(' ', headEnd), headEnd));
    if (headEnd < 0 || text.length < headEnd + 4 + length) {
      this.#kept = text;
      return;
    }
    this.#kept = '';
    const body = text.slice(headEnd + 4);
    const action = ACTION.exec(text)?.[1];
    if (action === undefined) this.#form(body);
    else this.#json(action, body);
  }

  sendMessages(bodies: readonly string[]): void {
    const messages = bodies.map(
      (Body) =>
        `{"MessageId":"${ID}","ReceiptHandle":"${ID}#${ID}","MD5OfBody":"${MD5}","Body":"${Body}"}`,
    );
    this.#answer(messages.length === 0 ? '{}' : `{"Messages":[${messages.join()}]}`);
  }

  #json(action: string, body: string): void {
    if (action === 'CreateQueue') {
      const { QueueName } = JSON.parse(body) as { QueueName: string };
      const url = `http://127.0.0.1/000000000000/${QueueName}`;
      queues.set(url, new NullQueue());
      this.#answer(JSON.stringify({ QueueUrl: url }));
      return;
    }
    const url = textOf(body, 'QueueUrl');
    const queue = queues.get(url) ?? new NullQueue();
    if (action === 'SendMessage' || action === 'SendMessageBatch') this.#add(queue, body);
    else if (action === 'ReceiveMessage') this.#receive(queue, body);
    else if (action === 'GetQueueAttributes') {
      const Attributes = { ApproximateNumberOfMessages: String(queue.size), QueueArn: url };
      this.#answer(JSON.stringify({ Attributes }));
    } else this.#answer('{}');
    if (action === 'DeleteQueue') queues.delete(url);
  }

  #add(queue: NullQueue, body: string): void {
    let count = 0;
    for (let at = body.indexOf(BODY_KEY); at >= 0; at = body.indexOf(BODY_KEY, at + 1)) {
      const from = at + BODY_KEY.length;
      queue.add(body.slice(from, body.indexOf('"', from)));
      count += 1;
    }
    const one = `"MD5OfMessageBody":"${MD5}","MessageId":"${ID}"`;
    if (count === 1) this.#answer(`{${one}}`);
    else this.#answer(`{"Successful":[${Array(count).fill(`{"Id":"0",${one}}`).join()}]}`);
  }

  #receive(queue: NullQueue, body: string): void {
    const { MaxNumberOfMessages: messagesMax, WaitTimeSeconds } = JSON.parse(body) as {
      MaxNumberOfMessages: number;
      WaitTimeSeconds: number;
    };
    if (queue.size === 0 && WaitTimeSeconds > 0) {
      queue.wait({ session: this, messagesMax }, WaitTimeSeconds);
    } else this.sendMessages(queue.take(messagesMax));
  }

  #form(body: string): void {
    if (body.includes('Action=Subscribe')) {
      subscribed.push(queues.get(new URLSearchParams(body).get('Endpoint')!)!);
    } else if (body.includes('Action=DeleteTopic')) subscribed = [];
    else if (body.includes('Action=Publish')) {
      const text = body.slice(body.indexOf('&Message=') + 9);
      for (const queue of subscribed) queue.add(text);
    }
    this.#answer(XML);
  }

  #answer(body: string): void {
    this.#socket.write(
      `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      'latin1',
    );
  }
}

const BODY_KEY = '"MessageBody":"';

function textOf(body: string, name: string): string {
  const from = body.indexOf(`"${name}":"`) + name.length + 4;
  return body.slice(from, body.indexOf('"', from));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = createServer((socket) => new Session(socket));
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    process.stdout.write(`listening ${typeof address === 'object' ? address?.port : ''}\n`);
  });
  process.on('SIGTERM', () => process.exit(0));
}

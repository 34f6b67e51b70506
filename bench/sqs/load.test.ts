import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { HttpWire } from '../../packages/polymq/test/support/http-wire.ts';
import { hasFailures, ReceiveReader } from './answers.ts';
import { Ledger } from './ledger.ts';
import {
  bodyText,
  DeleteRequests,
  publishRequest,
  sendBatchRequest,
  sendRequest,
} from './requests.ts';

const WHERE = { host: 'h:1', queueUrl: 'http://h:1/0/q' };
const BODY_BYTES = 20;

/** The head's lines and the parsed body of a request, whose length must be what the head says. */
function parse(request: Buffer): { head: string[]; body: unknown } {
  const text = request.toString();
  const [head = '', body = ''] = text.split('\r\n\r\n');
  const lines = head.split('\r\n');
  expect(lines).toContain(`content-length: ${Buffer.byteLength(body)}`);
  return { head: lines, body: body.startsWith('{') ? JSON.parse(body) : body };
}

describe('requests of the load generator', () => {
  it('carry the number of a message in front of its body', () => {
    const request = sendRequest({ ...WHERE, bodyBytes: BODY_BYTES, fifo: false });
    request.write(0, 1234, 0);
    const { head, body } = parse(request.bytes);
    expect(head[0]).toBe('POST / HTTP/1.1');
    expect(head).toContain('x-amz-target: AmazonSQS.SendMessage');
    expect(body).toEqual({ QueueUrl: WHERE.queueUrl, MessageBody: '0000001234abcdefghij' });
  });

  it('carry number, group and deduplication id of each entry of a batch', () => {
    const request = sendBatchRequest({ ...WHERE, bodyBytes: BODY_BYTES, fifo: true }, 2);
    request.write(0, 7, 1);
    request.write(1, 2_147_483_647, 999_999);
    expect(parse(request.bytes).body).toEqual({
      QueueUrl: WHERE.queueUrl,
      Entries: [
        {
          Id: '0',
          MessageBody: '0000000007abcdefghij',
          MessageGroupId: '000001',
          MessageDeduplicationId: '0000000007',
        },
        {
          Id: '1',
          MessageBody: '2147483647abcdefghij',
          MessageGroupId: '999999',
          MessageDeduplicationId: '2147483647',
        },
      ],
    });
  });

  it('publish with a form', () => {
    const request = publishRequest('h:1', 'arn:aws:sns:r:0:t', BODY_BYTES);
    request.write(0, 5, 0);
    const form = new URLSearchParams(String(parse(request.bytes).body));
    expect(form.get('TopicArn')).toBe('arn:aws:sns:r:0:t');
    expect(form.get('Message')).toBe('0000000005abcdefghij');
  });

  it('delete one message or many, as handles came', () => {
    const requests = new DeleteRequests(WHERE);
    const one = parse(requests.write([Buffer.from('a\\/b')]));
    expect(one.head).toContain('x-amz-target: AmazonSQS.DeleteMessage');
    expect(one.body).toEqual({ QueueUrl: WHERE.queueUrl, ReceiptHandle: 'a/b' });
    const many = parse(requests.write([Buffer.from('x'), Buffer.from('yy')]));
    expect(many.head).toContain('x-amz-target: AmazonSQS.DeleteMessageBatch');
    expect(many.body).toEqual({
      QueueUrl: WHERE.queueUrl,
      Entries: [
        { Id: '0', ReceiptHandle: 'x' },
        { Id: '1', ReceiptHandle: 'yy' },
      ],
    });
  });
});

describe('answers that the load generator reads', () => {
  const reader = new ReceiveReader(bodyText(BODY_BYTES));
  const read = (answer: object, blanks = 0) => {
    const bytes = Buffer.from(JSON.stringify(answer, null, blanks));
    return reader.read(bytes, 0, bytes.length);
  };
  const message = (number: string, handle: string) => ({
    MessageId: 'm',
    MD5OfBody: 'x',
    ReceiptHandle: handle,
    Body: `${number}abcdefghij`,
  });

  it.each([0, 1])('give numbers and handles, with %i blanks', (blanks) => {
    const Messages = [message('0000000012', 'h1'), message('0000000013', 'h2')];
    const found = read({ Messages }, blanks).map(({ number, handle }) => [number, String(handle)]);
    expect(found).toEqual([
      [12, 'h1'],
      [13, 'h2'],
    ]);
  });

  it('give nothing when nothing came', () => {
    expect(read({})).toEqual([]);
    expect(read({ Messages: [] })).toEqual([]);
  });

  it('are refused when a body is not what was sent', () => {
    const damaged = { ...message('0000000012', 'h'), Body: '0000000012abcdefghiX' };
    expect(() => read({ Messages: [damaged] })).toThrow(/abcdefghiX/);
  });

  it.each([
    [{ Successful: [{}], Failed: [] }, false],
    [{ Successful: [{}] }, false],
    [{ Successful: [], Failed: [{ Id: '1' }] }, true],
  ])('of a batch tell failures: %j', (answer, fails) => {
    for (const blanks of [0, 1]) {
      const bytes = Buffer.from(JSON.stringify(answer, null, blanks));
      expect(hasFailures(bytes, 0, bytes.length)).toBe(fails);
    }
  });
});

describe('the ledger', () => {
  it('refuses a message that comes twice, was never sent, or passes one of its group', () => {
    const ledger = new Ledger(2);
    for (let number = 0; number < 6; number += 1) ledger.begin(number);
    ledger.receive(2);
    expect(() => ledger.receive(2)).toThrow('came again');
    expect(() => ledger.receive(6)).toThrow('was never sent');
    ledger.receive(1);
    expect(() => ledger.receive(0)).toThrow('came after 2 of its group');
  });
});

describe('the connection', () => {
  let server: Server | undefined;
  let wire: HttpWire | undefined;
  afterEach(() => {
    wire?.destroy();
    server?.close();
  });

  async function connected(onData: (socket: Socket) => void): Promise<HttpWire> {
    server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => onData(socket));
    });
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    wire = await HttpWire.connect({ port, readBytes: 32 });
    return wire;
  }

  it('puts an answer together that comes in pieces', async () => {
    const body = 'x'.repeat(100);
    const one = await connected((socket) => {
      socket.write(`HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n${body.slice(0, 40)}`);
      setTimeout(() => socket.write(body.slice(40)), 5);
    });
    const answer = await new Promise((resolve) => {
      one.request('GET', (status, bytes, start, end) => {
        resolve([status, bytes.toString('latin1', start, end)]);
      });
    });
    expect(answer).toEqual([201, body]);
    expect(one.waiting).toBe(false);
  });

  it('says why it ended', async () => {
    const one = await connected((socket) => socket.destroy());
    const error = await new Promise((resolve) => {
      one.onClosed = resolve;
      one.request('GET', () => resolve('an answer'));
    });
    expect(String(error)).toMatch(/closed/);
  });
});

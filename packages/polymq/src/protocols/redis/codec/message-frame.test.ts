import { describe, expect, it } from 'vitest';
import { messageHead, tailBytes, writeTailStart } from './message-frame.ts';

function frame(head: Buffer, channel: string, body: string): string {
  const names = Buffer.from(`..${channel}`);
  const bytes = tailBytes(Buffer.byteLength(channel), body.length);
  const target = Buffer.alloc(bytes);
  const where = { names, start: 2, end: names.length };
  const end = writeTailStart(target, 0, where, body.length);
  expect(end + body.length + 2).toBe(bytes);
  target.write(`${body}\r\n`, end);
  return `${head}${target}`;
}

describe('messages', () => {
  it('are headed by the kind of subscription and the version of RESP', () => {
    expect(frame(messageHead('message', 2), 'news', 'hello')).toBe(
      '*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n',
    );
    expect(frame(messageHead('smessage', 3), 'grün', '')).toBe(
      '>3\r\n$8\r\nsmessage\r\n$5\r\ngrün\r\n$0\r\n\r\n',
    );
    expect(frame(messageHead('pmessage', 2, Buffer.from('n*')), 'news', 'hello')).toBe(
      '*4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$5\r\nhello\r\n',
    );
    expect(messageHead('pmessage', 3, Buffer.from('n*')).subarray(0, 4).toString()).toBe('>4\r\n');
  });
});

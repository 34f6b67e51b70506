import { describe, expect, it } from 'vitest';
import { NoReplies, Reply, ReplyMemory, type RespVersion } from './reply.ts';

function written(version: RespVersion, write: (reply: Reply) => void): string {
  const memory = new ReplyMemory();
  const reply = new Reply(memory);
  reply.version = version;
  write(reply);
  return memory.bytes.toString('utf8');
}

describe('replies', () => {
  it.each<[string, (reply: Reply) => void, string, string]>([
    ['ok', (reply) => reply.ok(), '+OK\r\n', '+OK\r\n'],
    ['status', (reply) => reply.status('PONG'), '+PONG\r\n', '+PONG\r\n'],
    ['error', (reply) => reply.error('ERR a\r\nb'), '-ERR a  b\r\n', '-ERR a  b\r\n'],
    ['integer', (reply) => reply.integer(-12), ':-12\r\n', ':-12\r\n'],
    ['bulk', (reply) => reply.bulk('grün'), '$5\r\ngrün\r\n', '$5\r\ngrün\r\n'],
    ['null', (reply) => reply.null(), '$-1\r\n', '_\r\n'],
    ['null array', (reply) => reply.nullArray(), '*-1\r\n', '_\r\n'],
    ['array', (reply) => reply.array(2), '*2\r\n', '*2\r\n'],
    ['map', (reply) => reply.map(2), '*4\r\n', '%2\r\n'],
    ['push', (reply) => reply.push(3), '*3\r\n', '>3\r\n'],
    ['verbatim', (reply) => reply.verbatim('hi'), '$2\r\nhi\r\n', '=6\r\ntxt:hi\r\n'],
  ])('%s in RESP2 and RESP3', (_name, write, version2, version3) => {
    expect(written(2, write)).toBe(version2);
    expect(written(3, write)).toBe(version3);
  });

  it('may be longer than what memory starts with', () => {
    const long = 'x'.repeat(10_000);
    expect(written(2, (reply) => [reply.ok(), reply.bulk(long)])).toBe(
      `+OK\r\n$10000\r\n${long}\r\n`,
    );
  });

  it('may be for nobody', () => {
    const nobody = new NoReplies();
    const reply = new Reply(nobody);
    reply.bulk('x'.repeat(10_000));
    reply.ok();
    expect(nobody.position).toBe(0);
  });
});

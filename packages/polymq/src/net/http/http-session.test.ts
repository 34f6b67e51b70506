import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteBudget } from '../../lib/byte-budget.ts';
import {
  Peer,
  RecordingService,
  type SeenRequest,
  statusesIn,
  textAnswer,
} from './testing/peer.ts';

const HOST = 'Host: localhost:9324\r\n';

function open(service: RecordingService = new RecordingService()) {
  return { service, peer: new Peer(service) };
}

function post(body: string, path = '/'): string {
  return `POST ${path} HTTP/1.1\r\n${HOST}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** What a service saw of these bytes, and which answers went out. */
function outcome(input: string, step?: number): { seen: SeenRequest[]; statuses: number[] } {
  const { service, peer } = open();
  peer.send(input, step);
  return { seen: service.seen, statuses: statusesIn(peer.output) };
}

function statusOf(input: string): number | undefined {
  return outcome(input).statuses[0];
}

const CHUNKED = [
  `POST /chunks HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`,
  '5;name="v;a\tl"\r\nhello\r\n6 ;x\r\n world\r\n000\r\nTrailer: one\r\nOther:\r\n\r\n',
].join('');

describe('an HTTP session', () => {
  it('hands out a request with its headers and its body', () => {
    const { service, peer } = open();
    peer.send(
      `POST /a/b?c=d%20e HTTP/1.1\r\n${HOST}X-Amz-Target:\t AmazonSQS.SendMessage \t\r\nx-own: \xe9\r\n` +
        'X-OWN:2\r\nEmpty:\r\nContent-Length: 5\r\n\r\nhello',
    );
    expect(service.seen).toEqual([
      {
        method: 'POST',
        target: '/a/b?c=d%20e',
        headers: [
          'host=localhost:9324',
          'x-amz-target=AmazonSQS.SendMessage',
          'x-own=\xe9',
          'x-own=2',
          'empty=',
          'content-length=5',
        ].join('\n'),
        body: 'hello',
      },
    ]);
  });

  it('joins headers of one name and finds none that is not there', () => {
    const { service, peer } = open();
    service.hold = true;
    peer.send(`GET / HTTP/1.1\r\n${HOST}A: 1\r\nb: 2\r\na: 3\r\n\r\n`);
    const { request } = service.held[0]!;
    expect(request.header('a')).toBe('1, 3');
    expect(request.header('c')).toBeUndefined();
  });

  it('answers with status, date, type, headers and length', () => {
    const { service, peer } = open();
    service.hold = true;
    peer.send(post('x'));
    service.held[0]!.answer({
      status: 404,
      contentType: 'text/xml',
      headers: [['x-id', 'a\r\nset-cookie: b']],
      body: 'é',
    });
    expect(peer.output.replace('\xc3\xa9', 'é')).toBe(
      'HTTP/1.1 404 Not Found\r\ndate: Tue, 14 Nov 2023 22:13:20 GMT\r\n' +
        'content-type: text/xml\r\nx-id: a  set-cookie: b\r\ncontent-length: 2\r\n\r\né',
    );
  });

  it('answers HEAD without a body, and 204 without a length', () => {
    const { service, peer } = open();
    peer.send(`HEAD / HTTP/1.1\r\n${HOST}\r\n`);
    expect(peer.output).toMatch(/content-length: 8\r\n\r\n$/);
    service.hold = true;
    peer.send(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    service.held[0]!.answer({ status: 204, body: '' });
    expect(peer.writes[1]).not.toContain('content-length');
  });

  it('joins a small body with its head and leaves a large one where it is', () => {
    const { service, peer } = open();
    service.hold = true;
    for (const bytes of [10, 100_000, 300_000]) {
      peer.send(post('x'));
      service.held.pop()!.answer({ status: 200, body: Buffer.alloc(bytes, 'y') });
      expect(peer.writes.at(-1)!.endsWith(`\r\n\r\n${'y'.repeat(bytes)}`)).toBe(true);
    }
    expect(peer.writes.length).toBe(3);
  });

  it('lets go of the body when the service returns', () => {
    const { service, peer } = open();
    service.hold = true;
    peer.send(post('hello'));
    expect(service.seen[0]!.body).toBe('hello');
    expect(service.held[0]!.request.body.length).toBe(0);
  });

  it('sees the same requests however the bytes are cut', () => {
    const input = `${post('one')}\r\n${CHUNKED}\r\n${post('')}GET /get HTTP/1.1\r\n${HOST}\r\n${post('two')}`;
    const whole = outcome(input);
    expect(whole.seen.map(({ body }) => body)).toEqual(['one', 'hello world', '', '', 'two']);
    for (let cut = 1; cut < input.length; cut++) {
      const { service, peer } = open();
      peer.send(input.slice(0, cut)).send(input.slice(cut));
      expect(service.seen).toEqual(whole.seen);
      expect(statusesIn(peer.output)).toEqual(whole.statuses);
    }
    for (const step of [1, 2, 3, 7, 50]) expect(outcome(input, step)).toEqual(whole);
  });

  it('sees the same requests, whatever they are, however the bytes are cut', () => {
    const name = fc.stringMatching(/^[a-zA-Z!#$%&'*+.^_`|~-]{1,12}$/);
    const value = fc.stringMatching(/^[!-~\x80-\xff]([ -~\t]{0,20}[!-~])?$/);
    const body = fc.string({ maxLength: 300, unit: 'binary-ascii' });
    const request = fc.record({
      headers: fc.array(fc.tuple(name, value)),
      body,
      chunk: fc.nat(40),
    });
    fc.assert(
      fc.property(
        fc.array(request, { maxLength: 4 }),
        fc.integer({ min: 1, max: 90 }),
        (all, step) => {
          const input = all.map(encode).join('');
          const whole = outcome(input);
          expect(whole.seen.map((seen) => seen.body)).toEqual(all.map((sent) => sent.body));
          expect(outcome(input, step)).toEqual(whole);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('gives one request after the other to the service, each when the one before is answered', () => {
    const { service, peer } = open();
    service.hold = true;
    peer.send(post('one') + post('two') + post('three').slice(0, -2));
    expect(service.seen.map(({ body }) => body)).toEqual(['one']);
    service.held[0]!.answer(textAnswer('1'));
    expect(service.seen.map(({ body }) => body)).toEqual(['one', 'two']);
    service.held[0]!.answer(textAnswer('again'));
    service.held[1]!.answer(textAnswer('2'));
    expect(service.held.length).toBe(2);
    peer.send('ee');
    expect(service.seen.map(({ body }) => body)).toEqual(['one', 'two', 'three']);
    expect(peer.output).not.toContain('again');
  });

  it('sends the answers of one turn in one write', () => {
    const { service, peer } = open();
    peer.send(post('a') + post('b') + post('c'));
    expect(service.seen.length).toBe(3);
    expect(statusesIn(peer.output)).toEqual([200, 200, 200]);
    expect(peer.writes.length).toBe(1);
  });

  it('gives others their turn when very many requests came at once', async () => {
    const { service, peer } = open();
    peer.send(post('').repeat(700));
    expect(service.seen.length).toBe(200);
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(service.seen.length).toBe(700);
    expect(statusesIn(peer.output).length).toBe(700);
  });

  it('leaves to the network what is sent far ahead of an answer', () => {
    const { service, peer } = open();
    service.hold = true;
    service.bodyBytesMax = 100_000;
    peer.send(post('one') + post('x'.repeat(60_000)));
    expect(peer.paused).toBe(false);
    peer.send(post('y'.repeat(10_000)));
    expect(peer.paused).toBe(true);
    service.hold = false;
    service.held[0]!.answer(textAnswer('1'));
    expect(peer.paused).toBe(false);
    expect(service.seen.length).toBe(3);
  });

  it('takes no further request while the client does not read its answers', () => {
    const { service, peer } = open();
    peer.full = true;
    peer.send(post('one'));
    peer.send(post('two'));
    expect(service.seen.length).toBe(1);
    peer.drained();
    expect(service.seen.length).toBe(2);
  });

  it('survives a service that fails', () => {
    const { service, peer } = open();
    service.handle = () => {
      throw new Error('a bug');
    };
    peer.send(post('x'));
    expect(statusesIn(peer.output)).toEqual([500]);
    expect(peer.output).not.toContain('bug');
  });
});

function encode(request: { headers: [string, string][]; body: string; chunk: number }): string {
  const { body, chunk } = request;
  const own = request.headers.map(([name, value]) => `x${name}: ${value}\r\n`).join('');
  if (chunk === 0)
    return `POST / HTTP/1.1\r\n${own}${HOST}Content-Length: ${body.length}\r\n\r\n${body}`;
  let text = `POST / HTTP/1.1\r\n${HOST}${own}transfer-encoding: Chunked\r\n\r\n`;
  for (let at = 0; at < body.length; at += chunk) {
    const data = body.slice(at, at + chunk);
    text += `${data.length.toString(16).toUpperCase()}\r\n${data}\r\n`;
  }
  return `${text}0\r\n\r\n`;
}

describe('the life of an HTTP connection', () => {
  it('stays open by default in 1.1 and closes by default in 1.0', () => {
    const { peer } = open();
    peer.send(post('x'));
    expect(peer.ended).toBe(false);
    expect(peer.output).not.toContain('connection:');
    const old = open().peer;
    old.send('GET / HTTP/1.0\r\n\r\n');
    expect(old.output).toContain('\r\nconnection: close\r\n');
    expect(old.ended).toBe(true);
  });

  it('does as the client says about keeping the connection', () => {
    const keep = open().peer.send('GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n');
    expect(keep.output).toContain('\r\nconnection: keep-alive\r\n');
    expect(keep.ended).toBe(false);
    for (const value of ['close', 'CLOSE', 'te, close', 'keep-alive, close']) {
      const { service, peer } = open();
      peer.send(`GET / HTTP/1.1\r\n${HOST}Connection: ${value}\r\n\r\n${post('late')}`);
      expect(peer.output).toContain('\r\nconnection: close\r\n');
      expect(peer.ended).toBe(true);
      expect(service.seen.length).toBe(1);
    }
  });

  it('tells at once when the client goes while its request waits', () => {
    const { service, peer } = open();
    service.hold = true;
    peer.send(post('x'));
    const exchange = service.held[0]!;
    let told = 0;
    exchange.onClosed = () => {
      told += 1;
    };
    expect(exchange.closed).toBe(false);
    peer.close();
    expect([exchange.closed, told]).toEqual([true, 1]);
    exchange.answer(textAnswer('too late'));
    expect(peer.writes).toEqual([]);
  });

  it('is busy while a request waits for its answer, and only then', () => {
    const { service, peer } = open();
    service.hold = true;
    expect(peer.session.busy).toBe(false);
    peer.send(post('x'));
    expect(peer.session.busy).toBe(true);
    service.held[0]!.answer(textAnswer('1'));
    expect(peer.session.busy).toBe(false);
  });

  it('draining closes an idle connection at once', () => {
    const { peer } = open();
    peer.send(post('x'));
    peer.session.drain();
    expect(peer.ended).toBe(true);
  });

  it('draining lets a waiting request have its answer, and none behind it', () => {
    const { service, peer } = open();
    service.hold = true;
    peer.send(post('one') + post('two'));
    peer.session.drain();
    expect(peer.ended).toBe(false);
    service.held[0]!.answer(textAnswer('1'));
    expect(peer.output).toContain('\r\nconnection: close\r\n');
    expect(peer.ended).toBe(true);
    expect(service.seen.length).toBe(1);
  });

  it('draining lets a request that has begun to arrive have its answer', () => {
    for (const missing of [1, 10, 60]) {
      const { service, peer } = open();
      peer.send(post('hello').slice(0, -missing));
      peer.session.drain();
      expect(peer.ended).toBe(false);
      peer.send(post('hello').slice(-missing));
      expect(service.seen.length).toBe(1);
      expect(peer.ended).toBe(true);
    }
  });

  it('has shown that it speaks HTTP with its first head', () => {
    const { peer } = open();
    peer.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n');
    expect(peer.connection.greeted).toBe(false);
    peer.send('\r\n');
    expect(peer.connection.greeted).toBe(true);
  });

  it('cuts a request that takes too long to arrive', async () => {
    for (const part of ['POST / HT', post('hello').slice(0, -1), CHUNKED.slice(0, -1), '\r']) {
      const { service, peer } = open();
      peer.send(post('before'));
      await peer.clock.advance(60_000);
      peer.send(part);
      await peer.clock.advance(9_000);
      expect(statusesIn(peer.output)).toEqual([200]);
      await peer.clock.advance(1_001);
      expect(statusesIn(peer.output)).toEqual([200, 408]);
      expect(peer.ended).toBe(true);
      expect(service.seen.length).toBe(1);
    }
  });

  it('counts the time of a request from its own first byte', async () => {
    const { service, peer } = open();
    for (let i = 0; i < 10; i++) {
      peer.send(post('x').slice(0, 20));
      await peer.clock.advance(6_000);
      peer.send(post('x').slice(20));
    }
    expect(service.seen.length).toBe(10);
    peer.send(post('x').slice(0, 20));
    await peer.clock.advance(6_000);
    // The end of one and the beginning of the next in one packet.
    peer.send(post('x').slice(20) + post('y').slice(0, 20));
    await peer.clock.advance(6_000);
    peer.send(post('y').slice(20));
    expect(service.seen.length).toBe(12);
  });

  it('does not count the time for which a request waits', async () => {
    const { service, peer } = open();
    service.hold = true;
    peer.send(post('one') + post('two').slice(0, -1));
    await peer.clock.advance(30_000);
    service.held[0]!.answer(textAnswer('1'));
    await peer.clock.advance(9_000);
    peer.send('o');
    expect(service.seen.length).toBe(2);
  });

  it('cuts a peer that does not close after the last answer', async () => {
    const { peer } = open();
    peer.send('no ').send('HTTP\r\n');
    expect([peer.ended, peer.destroyed]).toEqual([true, false]);
    await peer.clock.advance(3_000);
    expect(peer.destroyed).toBe(true);
  });

  it('gives a slow peer time to take its last answer', async () => {
    const { peer } = open();
    peer.pendingBytes = 1000;
    peer.send(`GET / HTTP/1.0\r\n\r\n`);
    for (let left = 900; left >= 0; left -= 100) {
      expect(peer.destroyed).toBe(false);
      peer.pendingBytes = left;
      await peer.clock.advance(2_000);
    }
    await peer.clock.advance(2_000);
    expect(peer.destroyed).toBe(true);
  });

  it('says that a body may come when the client waits for that', () => {
    const { service, peer } = open();
    const [head, body] = [post('hello').slice(0, -9), 'hello'];
    peer.send(`${head}\r\nExpect: 100-continue\r\n\r\n`);
    expect(peer.output).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    peer.send(body);
    expect(service.seen[0]!.body).toBe('hello');
    const eager = open();
    eager.peer.send(`${head}\r\nExpect: 100-continue\r\n\r\n${body}`);
    expect(statusesIn(eager.peer.output)).toEqual([200]);
  });
});

describe('memory of requests that arrive', () => {
  it('is shared by all connections, and who finds none comes again later', () => {
    const service = new RecordingService();
    service.bodyBytesMax = 1_000_000;
    const arriving = new ByteBudget(130_000);
    const peers = Array.from({ length: 3 }, () => new Peer(service, arriving));
    const large = post('x'.repeat(60_000));
    const chunked = `${CHUNKED.split('\r\n\r\n')[0]}\r\n\r\nc350\r\n${'y'.repeat(50_000)}`;
    peers[0]!.send(large.slice(0, 50_000));
    peers[1]!.send(post('x'.repeat(100_000)).slice(0, 90_000));
    peers[2]!.send(chunked);
    expect(peers.map((peer) => statusesIn(peer.output))).toEqual([[], [503], [503]]);
    expect(arriving.used).toBeGreaterThan(49_000);
    peers[0]!.send(large.slice(50_000));
    expect(service.seen.length).toBe(1);
    expect(arriving.used).toBe(0);
    new Peer(service, arriving).send(`${chunked}\r\n`).send('0\r\n\r\n');
    expect(service.seen.length).toBe(2);
    expect(arriving.used).toBe(0);
  });

  it('is given back by connections that go', () => {
    const arriving = new ByteBudget(100_000);
    for (const part of [post('hello').slice(0, -1), CHUNKED.slice(0, -10), 'POST']) {
      const peer = new Peer(new RecordingService(), arriving);
      peer.send(part);
      expect(arriving.used).toBeGreaterThan(0);
      peer.close();
      expect(arriving.used).toBe(0);
    }
  });

  it('is not taken by requests sent ahead of an answer at the cost of that answer', () => {
    const service = new RecordingService();
    service.hold = true;
    const peer = new Peer(service, new ByteBudget(5_000));
    peer.send(post('one') + post('two').repeat(100));
    expect(peer.output).toBe('');
    expect(peer.destroyed).toBe(true);
    expect(service.held[0]!.closed).toBe(true);
  });
});

describe('what an HTTP session refuses', () => {
  const line = (text: string) => `${text}\r\n${HOST}\r\n`;
  const header = (text: string) => `POST / HTTP/1.1\r\n${HOST}${text}\r\n\r\n`;

  it.each([
    ['HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
    ['a version of another kind', line('GET / HTTP/2.1'), 505],
    ['no version', line('GET /'), 400],
    ['half a version', line('GET / HTTP/1'), 400],
    ['a version in lower case', line('GET / http/1.1'), 400],
    ['two blanks', line('GET  / HTTP/1.1'), 400],
    ['a blank behind the version', line('GET / HTTP/1.1 '), 400],
    ['a blank in the target', line('GET /a b HTTP/1.1'), 400],
    ['a tab in the request line', line('GET\t/ HTTP/1.1'), 400],
    ['no method', line(' / HTTP/1.1'), 400],
    ['a method with strange signs', line('GE(T / HTTP/1.1'), 400],
    ['an endless method', line(`${'A'.repeat(33)} / HTTP/1.1`), 501],
    ['CONNECT', line('CONNECT a:1 HTTP/1.1'), 501],
    ['a target that is no path', line('GET a/b HTTP/1.1'), 400],
    ['an absolute target without host', line('GET http:///b HTTP/1.1'), 400],
    ['an absolute target with a user', line('GET http://a@b/ HTTP/1.1'), 400],
    ['a target beyond ASCII', line('GET /\xe9 HTTP/1.1'), 400],
    ['a long target', line(`GET /${'a'.repeat(8192)} HTTP/1.1`), 414],
    ['two empty lines first', `\r\n\r\n${line('GET / HTTP/1.1')}`, 400],
    ['a bare LF first', `\n${line('GET / HTTP/1.1')}`, 400],
    ['no Host', 'GET / HTTP/1.1\r\nA: b\r\n\r\n', 400],
    ['two Hosts', header('Host: localhost:9324'), 400],
    ['a Host that is none', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', 400],
    ['lines that end in LF', 'GET / HTTP/1.1\nHost: a\n\n', 400],
    ['a header line that ends in LF', header('A: b\nC: d'), 400],
    ['a head that ends in LF', `GET / HTTP/1.1\r\n${HOST}\n`, 400],
    ['a bare CR in a value', header('A: b\rContent-Length: 5'), 400],
    ['NUL in a value', header('A: b\0c'), 400],
    ['a control character in a value', header('A: b\x7f'), 400],
    ['a blank before the colon', header('Content-Length : 5'), 400],
    ['a tab before the colon', header('Content-Length\t: 5'), 400],
    ['no name', header(': 5'), 400],
    ['no colon', header('abc'), 400],
    ['a folded line', header('A: b\r\n c'), 400],
    ['a folded first line', `GET / HTTP/1.1\r\n ${HOST}\r\n`, 400],
    ['a blank line that is not empty', header('A: b\r\n '), 400],
    ['two lengths that differ', header('Content-Length: 5\r\nContent-Length: 6'), 400],
    ['two lengths of which one is nothing', header('Content-Length: 0\r\nContent-Length: 5'), 400],
    ['a name that only looks like Host to a hash', 'GET / HTTP/1.1\r\nj1st: a\r\n\r\n', 400],
    ['a list of lengths', header('Content-Length: 5, 5'), 400],
    ['a length with a sign', header('Content-Length: +5'), 400],
    ['a negative length', header('Content-Length: -1'), 400],
    ['a length in hex', header('Content-Length: 0x5'), 400],
    ['an empty length', header('Content-Length:'), 400],
    ['a length of many digits', header(`Content-Length: ${'9'.repeat(30)}`), 413],
    ['a length that is too large', header('Content-Length: 1001'), 413],
    ['length and chunks', header('Content-Length: 5\r\nTransfer-Encoding: chunked'), 400],
    ['chunks and length', header('Transfer-Encoding: chunked\r\nContent-Length: 5'), 400],
    ['chunked twice', header('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked'), 400],
    ['chunked twice in one', header('Transfer-Encoding: chunked, chunked'), 501],
    ['chunks of gzip', header('Transfer-Encoding: gzip, chunked'), 501],
    ['chunked not last', header('Transfer-Encoding: chunked, gzip'), 400],
    ['a coding nobody knows', header('Transfer-Encoding: xchunked'), 400],
    ['a coding in disguise', header('Transfer-Encoding: \x0bchunked'), 400],
    ['identity', header('Transfer-Encoding: identity'), 400],
    ['chunks in 1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
    ['an unknown expectation', header('Expect: 200-ok'), 417],
    ['too many headers', header('A: b\r\n'.repeat(100).slice(0, -2)), 431],
    ['a long head', header(`A: ${'b'.repeat(32_768)}`), 431],
    ['a long head without end', `GET / HTTP/1.1\r\n${HOST}A: ${'b'.repeat(40_000)}`, 431],
    ['a long target without end', `GET /${'a'.repeat(9000)}`, 414],
    ['TLS', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03', 400],
  ])('%s, whole and byte by byte', (_, input, status) => {
    for (const step of [undefined, 1]) {
      const { service, peer } = open();
      peer.send(input, step);
      expect(statusesIn(peer.output)).toEqual([status]);
      expect(peer.output).toContain('\r\nconnection: close\r\n');
      expect(service.seen).toEqual([]);
      expect(peer.ended).toBe(true);
    }
  });

  it.each([
    ['no size', '\r\n', 400],
    ['a size that is none', 'xyz\r\n', 400],
    ['a size with a sign', '+5\r\nhello\r\n', 400],
    ['a size with a prefix', '0x5\r\nhello\r\n', 400],
    ['a blank behind the size', '5 \r\nhello\r\n', 400],
    ['a size that ends in LF', '5\nhello\r\n', 400],
    ['an extension with a bare CR', '5;a\rb\r\nhello\r\n', 400],
    ['an extension with NUL', '5;a\0b\r\nhello\r\n', 400],
    ['an endless extension', `5;${'a'.repeat(2000)}\r\nhello\r\n`, 400],
    ['many long extensions', `1;${'a'.repeat(1000)}\r\nx\r\n`.repeat(20), 431],
    ['a chunk longer than its size', '5\r\nhello!\r\n', 400],
    ['a chunk that ends in LF', '5\r\nhello\n0\r\n\r\n', 400],
    ['a chunk that is too large', '3e9\r\n', 413],
    ['a size that overflows', '100000000\r\n', 413],
    ['many chunks that are too large', `64\r\n${'x'.repeat(100)}\r\n`.repeat(11), 413],
    ['a trailer that is none', '0\r\nabc\r\n\r\n', 400],
    ['a folded trailer', '0\r\nA: b\r\n c\r\n\r\n', 400],
    ['endless trailers', `0\r\n${'A: b\r\n'.repeat(5000)}`, 431],
  ])('a body in chunks with %s', (_, chunks, status) => {
    const input = `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${chunks}`;
    for (const step of [undefined, 1]) {
      expect(outcome(input, step)).toEqual({ seen: [], statuses: [status] });
    }
  });

  it('nothing at its limits', () => {
    const fits = [
      `GET /${'a'.repeat(8191)} HTTP/1.1\r\n${HOST}\r\n`,
      `${'A'.repeat(32)} / HTTP/1.1\r\n${HOST}\r\n`,
      `GET / HTTP/1.1\r\n${HOST}${'A: b\r\n'.repeat(99)}\r\n`,
      post('x'.repeat(1000)),
      header('Content-Length: 0\r\nContent-Length: 0'),
      header('Expect: 100-Continue'),
      `\r\nOPTIONS * HTTP/1.7\r\nHost:\r\n\r\n`,
    ];
    for (const input of fits) {
      expect(statusOf(input)).toBe(200);
      expect(outcome(input, 1).statuses).toEqual([200]);
    }
    const head = `GET / HTTP/1.1\r\n${HOST}A: \r\n\r\n`;
    const full = head.replace('A: ', `A: ${'b'.repeat(32_768 - head.length)}`);
    expect(full.length).toBe(32_768);
    expect(statusOf(full)).toBe(200);
    expect(statusOf(full.replace('A: ', 'A: c'))).toBe(431);
  });

  it('nothing of what came before, and everything that comes after', () => {
    const { service, peer } = open();
    peer.send(`${post('one')}nonsense\r\n${post('two')}`).send(post('three'));
    expect(statusesIn(peer.output)).toEqual([200, 400]);
    expect(service.seen.length).toBe(1);
  });

  it('a body before it is read, when its length is too large', () => {
    const { peer } = open();
    peer.send(header('Content-Length: 1001\r\nExpect: 100-continue'));
    expect(statusesIn(peer.output)).toEqual([413]);
  });

  it('answers HEAD without a body also then', () => {
    const { peer } = open();
    peer.send(`HEAD / HTTP/1.1\r\n${HOST}Content-Length: 1001\r\n\r\n`);
    expect(peer.output.endsWith('\r\n\r\n')).toBe(true);
  });

  it('takes the host and the path of an absolute target', () => {
    const { service, peer } = open();
    service.hold = true;
    peer.send('GET HTTP://queue.local:80/a?b HTTP/1.1\r\nHost: other\r\n\r\n');
    expect(service.held[0]!.request.target).toBe('/a?b');
    expect(service.held[0]!.request.header('host')).toBe('queue.local:80');
    service.held[0]!.answer(textAnswer(''));
    peer.send('GET http://queue.local?b HTTP/1.1\r\nHost: other\r\n\r\n');
    expect(service.held[1]!.request.target).toBe('/?b');
  });
});

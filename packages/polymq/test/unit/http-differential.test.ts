/**
 * Two readers of HTTP that disagree about where a request ends can be played off against each other: whatever our reader
 * takes for a request, Node's own must take for the same one, or refuse.
 */
import http from 'node:http';
import { Duplex } from 'node:stream';
import { expect, it } from 'vitest';
import { Peer, RecordingService, type SeenRequest } from '../../src/net/http/testing/peer.ts';
import { SeededRandom } from '../crash/random.ts';
import { mutate } from '../fuzz/mutate.ts';
import { http as httpTarget } from '../fuzz/targets/http.ts';

const INPUTS = 3000;

/** What is fond of being misread. */
const PIECES = [
  ...['\r\n', '\n', '\r', ' ', '\t', ':', ';', ',', '\0', '\x0b', '\xa0', '-', '+', '0x', '\r\n '],
  ...['Content-Length: 5\r\n', 'Content-Length: 0\r\n', '00000000000000005', 'Host: a\r\n'],
  ...['Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: identity\r\n', 'transfer-encoding:'],
  ...['chunked', '0\r\n\r\n', '5\r\nhello\r\n', 'HTTP/1.1', 'HTTP/1.0', 'Connection: close\r\n'],
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
].map((text) => Buffer.from(text, 'latin1'));

interface NodeRequest extends SeenRequest {
  refused: boolean;
}

class Wire extends Duplex {
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: unknown, done: () => void): void {
    done();
  }
  setTimeout(): this {
    return this;
  }
}

it('understands no request otherwise than the HTTP parser of Node', async () => {
  const random = new SeededRandom(11);
  const seeds = await httpTarget().seeds();
  const node = new NodeReader();
  let compared = 0;
  for (let i = 0; i < INPUTS; i++) {
    const input = variation(random, seeds);
    const service = new RecordingService();
    service.bodyBytesMax = 100_000;
    new Peer(service).send(input);
    if (service.seen.length === 0) continue;
    const theirs = await node.read(input);
    for (const [at, ours] of service.seen.entries()) {
      const other = theirs[at];
      if (other?.refused) break;
      const text = JSON.stringify(input.toString('latin1'));
      expect({ ...other }, text).toEqual({ ...ours, refused: false });
      compared += 1;
    }
  }
  node.close();
  expect(compared).toBeGreaterThan(INPUTS / 30);
});

function variation(random: SeededRandom, seeds: readonly Buffer[]): Buffer {
  let input: Buffer = random.pick(seeds);
  for (let steps = random.between(1, 4); steps > 0; steps -= 1) {
    if (random.between(0, 3) === 0) input = mutate(input, random.pick(seeds), random);
    else {
      const at = random.between(0, input.length);
      const end = random.between(0, 3) === 0 ? Math.min(input.length, at + 3) : at;
      input = Buffer.concat([input.subarray(0, at), random.pick(PIECES), input.subarray(end)]);
    }
  }
  return input;
}

/** Node's HTTP server, fed without sockets. */
class NodeReader {
  #seen: NodeRequest[] = [];
  readonly #server = http.createServer({ maxHeaderSize: 64 * 1024 }, (request, response) => {
    const { method = '', url = '', rawHeaders } = request;
    const headers = rawHeaders
      .flatMap((name, i) => (i % 2 === 0 ? [`${name.toLowerCase()}=${rawHeaders[i + 1]}`] : []))
      .join('\n');
    const seen: NodeRequest = { method, target: url, headers, body: '', refused: false };
    // Absolute targets and their hosts stay as they are with Node.
    if (!url.startsWith('/') && url !== '*') seen.refused = true;
    this.#seen.push(seen);
    request.on('data', (chunk: Buffer) => {
      seen.body += chunk.toString('latin1');
    });
    request.on('error', () => {
      seen.refused = true;
    });
    request.on('end', () => response.end());
  });

  constructor() {
    const refuse = (): void => {
      this.#seen.push({ method: '', target: '', headers: '', body: '', refused: true });
    };
    this.#server.on('clientError', (_error, socket) => {
      refuse();
      socket.destroy();
    });
    for (const event of ['upgrade', 'connect', 'checkExpectation']) {
      this.#server.on(event, (_request, socket: { destroy(): void }) => {
        refuse();
        socket.destroy();
      });
    }
  }

  async read(input: Buffer): Promise<NodeRequest[]> {
    const seen: NodeRequest[] = [];
    this.#seen = seen;
    const wire = new Wire();
    wire.on('error', () => undefined);
    this.#server.emit('connection', wire);
    wire.push(input);
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    wire.destroy();
    this.#seen = [];
    return seen;
  }

  close(): void {
    this.#server.close();
  }
}

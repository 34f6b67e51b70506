/**
 * What a client of HTTP sends, from the first octet on: the same requests must come out however it is cut, nothing may
 * be thrown, and what comes out must be what no other reader could take for something else.
 */
import {
  Peer,
  RecordingService,
  type SeenRequest,
  statusesIn,
} from '../../../src/net/http/testing/peer.ts';
import { SeededRandom } from '../../crash/random.ts';
import { type FuzzTarget, WrongResult } from '../target.ts';

const BODY_BYTES_MAX = 2000;

class Refused extends Error {}

interface Outcome {
  seen: SeenRequest[];
  statuses: number[];
  ended: boolean;
}

export function http(): FuzzTarget {
  return {
    name: 'http',
    seeds,
    run: (input) => {
      const whole = outcome(input, () => Number.POSITIVE_INFINITY);
      check(whole);
      const random = new SeededRandom(input.length);
      for (const stepMax of [1, 7, 300]) {
        if (stepMax === 1 && input.length > 5000) continue;
        compare(
          whole,
          outcome(input, () => random.between(1, stepMax)),
          stepMax,
        );
      }
      if (whole.statuses.some((status) => status >= 400)) throw new Refused('refused');
    },
    allows: (error) => error instanceof Refused,
    memoryBytesMax: 4 << 20,
    // Four passes, one of them byte by byte.
    stallMs: 500,
  };
}

function outcome(input: Buffer, step: () => number): Outcome {
  const service = new RecordingService();
  service.bodyBytesMax = BODY_BYTES_MAX;
  const peer = new Peer(service);
  for (let at = 0; at < input.length; ) {
    const end = Math.min(input.length, at + step());
    peer.send(input.subarray(at, end));
    at = end;
  }
  // A part of a line is looked at again when the line ends.
  peer.send('\n');
  const { ended, output } = peer;
  peer.close();
  if (peer.arriving.used !== 0) throw new WrongResult(`${peer.arriving.used} bytes are left`);
  return { seen: service.seen, statuses: statusesIn(output), ended };
}

function check({ seen, statuses, ended }: Outcome): void {
  const refused = statuses.filter((status) => status >= 400);
  const continued = statuses.filter((status) => status === 100);
  if (statuses.length - refused.length - continued.length !== seen.length) {
    throw new WrongResult(`${seen.length} requests, answers ${statuses.join()}`);
  }
  if (refused.length > 1 || (refused.length === 1 && !ended)) {
    throw new WrongResult('refused, and yet the connection goes on');
  }
  for (const { method, target, headers, body } of seen) {
    if (!/^[!-~]{1,32}$/.test(method)) throw new WrongResult(`method ${method}`);
    if (!/^(?:\/[!-~]*|\*)$/.test(target)) throw new WrongResult(`target ${target}`);
    for (const line of headers.split('\n')) {
      if (!/^[!-<>-~]*=[\t -~\u0080-\u00ff]*$|^$/.test(line)) {
        throw new WrongResult(`header ${line}`);
      }
    }
    if (body.length > BODY_BYTES_MAX) throw new WrongResult(`a body of ${body.length} bytes`);
  }
}

function compare(whole: Outcome, split: Outcome, stepMax: number): void {
  // Whether the client is told to send its body depends on whether it has.
  const final = (outcome: Outcome) =>
    JSON.stringify({ ...outcome, statuses: outcome.statuses.filter((status) => status !== 100) });
  if (final(whole) === final(split)) return;
  const say = ({ seen, statuses }: Outcome) => `${seen.length} requests, answers ${statuses}`;
  throw new WrongResult(`whole: ${say(whole)}; in pieces up to ${stepMax}: ${say(split)}`);
}

function seeds(): Buffer[] {
  const host = 'Host: localhost:9324\r\n';
  const post = (headers: string, body: string) => `POST / HTTP/1.1\r\n${host}${headers}\r\n${body}`;
  const texts = [
    post('Content-Length: 5\r\nX-Amz-Target: AmazonSQS.SendMessage\r\n', 'hello'),
    post(
      'Transfer-Encoding: chunked\r\n',
      '5;a="b"\r\nhello\r\n0a\r\n0123456789\r\n0\r\nT: x\r\n\r\n',
    ),
    post('Expect: 100-continue\r\nContent-Length: 3\r\n', 'abc'),
    `GET /000000000000/orders?Action=ReceiveMessage HTTP/1.1\r\n${host}Connection: close\r\n\r\n`,
    'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
    `OPTIONS * HTTP/1.1\r\n${host}\r\n`,
    'HEAD http://a.example:80/b?c HTTP/1.1\r\nHost: other\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    post(`${'A: b\r\n'.repeat(98)}`, ''),
    post('Content-Length: 5\r\nContent-Length: 5\r\n', 'hello'),
    post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
  ];
  return [...texts, texts.slice(0, 6).join('\r\n'), texts[0]!.repeat(5)].map((text) =>
    Buffer.from(text, 'latin1'),
  );
}

/**
 * What a STOMP client sends, frame by frame. However much of a head is there, the scanner finds what it finds in the
 * whole; and what it has found, written into a frame for another client, is found there again and ends no line.
 */
import { escaped, unescaped, type Version } from '../../../src/protocols/stomp/codec/escaping.ts';
import { FrameScan, findNul, skipNoise } from '../../../src/protocols/stomp/codec/frame-scan.ts';
import { StompError } from '../../../src/protocols/stomp/codec/stomp-error.ts';
import { frame } from '../../../src/protocols/stomp/codec/write-frame.ts';
import { type FuzzTarget, WrongResult } from '../target.ts';
import { cutsOf, STALL_OF_CUTS_MS } from './splits.ts';

const LIMITS = { headersMax: 50, headerBytesMax: 4096 };
const BODY_BYTES_MAX = 20_000;
const VERSIONS: readonly Version[] = ['1.0', '1.1', '1.2'];

export function stompFrame(): FuzzTarget {
  const scan = new FrameScan(LIMITS);
  const other = new FrameScan(LIMITS);

  function readOne(input: Buffer, start: number): number {
    const head = tried(() => scan.head(input, start, input.length));
    for (const cut of cutsOf(Math.min(input.length - start, 5000))) {
      const part = tried(() => other.head(input, start, start + cut));
      const same = part.at === 0 || (part.at === head.at && other.count === scan.count);
      if (part.error ? part.error.message !== head.error?.message : !same) {
        throw new WrongResult(`a head to ${head.at}, and to ${part.at} of ${cut} bytes`);
      }
    }
    if (head.error) throw head.error;
    if (head.at === 0) return 0;
    checkHeaders(input);
    return bodyEnd(input, scan);
  }

  function checkHeaders(input: Buffer): void {
    for (let i = 0; i < scan.count; i += 1) {
      const line = input.subarray(scan.lineStarts[i]!, scan.lineEnds[i]!);
      if (line.indexOf('\n') !== line.length - 1) throw new WrongResult('a line is not one line');
      for (const version of VERSIONS) {
        const value = scan.valueAt(input, i, version);
        scan.nameAt(input, i, version);
        checkWritten(value.toString('latin1'), version);
      }
    }
  }

  function checkWritten(value: string, version: Version): void {
    const written = frame('MESSAGE', [['x', value]], version, Buffer.from('body'));
    if (other.head(written, 0, written.length) === 0) throw new WrongResult('no end of a head');
    if (other.count !== 2) throw new WrongResult(`a value became ${other.count - 1} headers`);
    const read = other.valueAt(written, 0, version).toString('utf8');
    if (version === '1.2' && read !== value) throw new WrongResult(`${value} became ${read}`);
  }

  return {
    name: 'stomp-frame',
    seeds,
    run: (input) => {
      let at = 0;
      for (;;) {
        at = skipNoise(input, at, input.length);
        if (at === input.length || input[at] === 0x0d) break;
        const end = readOne(input, at);
        if (end === 0) break;
        at = end;
      }
      const plain = unescaped(escaped(input));
      if (!plain.equals(input)) throw new WrongResult('what was escaped is not what it was');
    },
    allows: (error) => error instanceof StompError,
    memoryBytesMax: 2 << 20,
    stallMs: STALL_OF_CUTS_MS,
  };
}

function tried(head: () => number): { at: number; error: StompError | undefined } {
  try {
    return { at: head(), error: undefined };
  } catch (error) {
    if (!(error instanceof StompError)) throw error;
    return { at: 0, error };
  }
}

/** Behind the NUL; 0 if it has not come. */
function bodyEnd(input: Buffer, { bodyStart, contentLength }: FrameScan): number {
  if (contentLength < 0) {
    const nul = findNul(input, bodyStart, input.length);
    if (nul !== input.indexOf(0, bodyStart)) throw new WrongResult(`the first NUL at ${nul}`);
    return nul + 1;
  }
  if (contentLength > BODY_BYTES_MAX) throw new StompError('too large', 'a body is too large');
  const nul = bodyStart + contentLength;
  if (nul >= input.length) return 0;
  if (input[nul] !== 0) throw new StompError('no end', 'a body is longer than it was said to be');
  return nul + 1;
}

function seeds(): Buffer[] {
  const texts = [
    'CONNECT\naccept-version:1.0,1.1,1.2\nhost:/\nlogin:guest\npasscode:guest\nheart-beat:10,20\n\n\0',
    'SEND\ndestination:/queue/a\ncontent-length:5\nx\\c\\n\\\\:v\\r:w\n\nbo\0dy\0',
    'SEND\r\ndestination:/topic/a.b\r\nreceipt:r1\r\n\r\nbody\0\n\n',
    'SUBSCRIBE\nid:0\ndestination:/exchange/e/k\nack:client-individual\nprefetch-count:5\n\n\0',
    'ACK\nid:1\ntransaction:t\n\n\0NACK\nid:2\n\n\0\r\n',
    'BEGIN\ntransaction:t\n\n\0COMMIT\ntransaction:t\n\n\0ABORT\ntransaction:t\n\n\0',
    'SEND\ndestination:a\ndestination:b\nfoo: spaced \nfoo:again\n\n\0',
    `SEND\n${Array.from({ length: 50 }, (_, i) => `h${i}:v\n`).join('')}\n\0`,
    'DISCONNECT\nreceipt:77\n\n\0',
  ];
  return [...texts, texts.join('')].map((text) => Buffer.from(text, 'latin1'));
}

import { escaped, rewritten, type Version } from './escaping.ts';

/** What a connection is told when something goes wrong comes with all versions there are, as RabbitMQ has it. */
export const SUPPORTED_VERSIONS = '1.0,1.1,1.2';

type Header = readonly [name: string, value: string];

/** A frame that is sent seldom. RabbitMQ puts a line end behind every frame, which some clients wait for. */
export function frame(
  command: string,
  headers: readonly Header[],
  version: Version,
  body: Buffer = EMPTY,
): Buffer {
  const lines = headers.map(([name, value]) => {
    const bytes = rewritten(escaped(Buffer.from(value)), version);
    return Buffer.concat([Buffer.from(`${name}:`), bytes, LINE_END]);
  });
  const length = body.length === 0 ? EMPTY : Buffer.from(`content-length:${body.length}\n`);
  return Buffer.concat([Buffer.from(`${command}\n`), ...lines, length, LINE_END, body, FRAME_END]);
}

const EMPTY: Buffer = Buffer.alloc(0);
const LINE_END: Buffer = Buffer.from('\n');
const FRAME_END: Buffer = Buffer.from('\0\n');

/** Its answer to `CONNECT` is never escaped. */
export function connectedFrame(headers: readonly Header[]): Buffer {
  const lines = headers.map(([name, value]) => `${name}:${value}\n`).join('');
  return Buffer.from(`CONNECTED\n${lines}\n\0\n`);
}

/** `receiptId`: the frame that it is about had asked for a receipt. */
export function errorFrame(
  title: string,
  detail: string,
  version: Version,
  more: readonly Header[] = [],
): Buffer {
  const headers: Header[] = [
    ['message', title],
    ['content-type', 'text/plain'],
    ['version', SUPPORTED_VERSIONS],
    ...more,
  ];
  return frame('ERROR', headers, version, Buffer.from(detail));
}

import type { IncomingMessage } from 'node:http';
import { type Answer, errorAnswer } from './routes.ts';

/** Largest body of a POST; the events of one append are the largest thing there is. */
export const BODY_BYTES_MAX: number = 16 * 1024 * 1024;

/** The JSON of a POST, or the answer that refuses it. Its size is checked before it is kept. */
export async function readJsonBody(
  request: IncomingMessage,
): Promise<{ readonly value: unknown } | { readonly refused: Answer }> {
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json') {
    const text = 'send the body as JSON, with the header content-type: application/json';
    return { refused: errorAnswer(415, 'unsupported-media-type', text) };
  }
  if (Number(request.headers['content-length'] ?? 0) > BODY_BYTES_MAX) return tooLarge();
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > BODY_BYTES_MAX) return tooLarge();
    pieces.push(piece);
  }
  try {
    return { value: JSON.parse(Buffer.concat(pieces).toString('utf8')) as unknown };
  } catch {
    return {
      refused: errorAnswer(
        400,
        'bad-body',
        'the body is not JSON; see the documentation of this path',
      ),
    };
  }
}

function tooLarge(): { readonly refused: Answer } {
  const text = `a body may have ${BODY_BYTES_MAX} bytes; send less at once`;
  return { refused: errorAnswer(413, 'body-too-large', text) };
}

/**
 * What an AMQP server answers instead of doing what it was asked, as errors of this SDK. amqplib puts the reply code into
 * `code` and RabbitMQ's words into the message: `… 406 (PRECONDITION-FAILED) with message "PRECONDITION_FAILED - …"`.
 */
import { type ClientErrorCode, PolymqError } from '../../errors.ts';

const CODES: Readonly<Record<number, ClientErrorCode>> = {
  311: 'message-too-large',
  320: 'disconnected',
  403: 'access-refused',
  404: 'not-found',
  405: 'access-refused',
  530: 'access-refused',
  540: 'unsupported',
};

/** A reason that is not the server's words about another channel or call. */
export function replyCodeOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as { code?: unknown };
  if (typeof code === 'number') return code;
  const match = /\b([345]\d\d) \([A-Z-]+\)/.exec(error.message);
  return match === null ? undefined : Number(match[1]);
}

/** `what` says what was being done, to what: `declaring queue "orders"`. */
export function amqpError(error: unknown, what: string): PolymqError {
  if (error instanceof PolymqError) return error;
  const reply = replyCodeOf(error);
  if (reply === 406) return preconditionFailed(error, what);
  if (reply !== undefined) {
    const code = CODES[reply] ?? 'engine-failed';
    return new PolymqError(code, `${what} failed: ${wordsOf(error)}${advice(code)}`, {
      cause: error,
    });
  }
  if (isRefusedOpening(error)) {
    const text = `${what} failed: the server refuses the virtual host (the path of the URL), or has reached its limit of connections`;
    return new PolymqError('access-refused', text, { cause: error });
  }
  if (isConnectionError(error)) return disconnected(what, error);
  return new PolymqError('engine-failed', `${what} failed: ${wordsOf(error)}`, { cause: error });
}

export function disconnected(what: string, cause: unknown): PolymqError {
  return new PolymqError(
    'disconnected',
    `${what}: the connection was lost (${wordsOf(cause)}); it is made again by itself, so try again`,
    { cause },
  );
}

/** What could not be encoded: names and properties longer than AMQP's 255 bytes, headers above 64 KiB. */
export function notEncodable(error: unknown, id: string): PolymqError {
  return new PolymqError(
    'invalid-argument',
    `message ${JSON.stringify(id)} does not fit into AMQP (${wordsOf(error)}); ids, types, correlation ids, reply addresses and names of headers may have 255 bytes each, all headers together about 60 KiB`,
    { cause: error },
  );
}

function preconditionFailed(error: unknown, what: string): PolymqError {
  const words = wordsOf(error);
  const inequivalent =
    /inequivalent arg '([^']+)' for (queue|exchange) '([^']*)'.*?: received '?(.*?)'? but current is '?(.*?)'?$/s.exec(
      words,
    );
  if (inequivalent !== null) {
    const [, argument, kind, name, received, current] = inequivalent;
    return new PolymqError(
      'declared-otherwise',
      `${kind} "${name}" exists with other properties: ${argument} is ${current}, not ${received}. Delete it, choose another name, ask for the same properties, or take it as it is: { declare: false }`,
      { cause: error },
    );
  }
  if (/message size|larger than/.test(words)) {
    const text = `${what} failed: ${words}; send less at once, or a reference to where the data is`;
    return new PolymqError('message-too-large', text, { cause: error });
  }
  return new PolymqError('engine-failed', `${what} failed: ${words}`, { cause: error });
}

/** The server's own words, without amqplib's around them. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const match = /with message "([\s\S]*)"$/.exec(error.message);
  return (match?.[1] ?? error.message).replace(/^Operation failed: /, '');
}

function advice(code: ClientErrorCode): string {
  if (code === 'not-found') return '; declare it first, or leave out { declare: false }';
  if (code === 'access-refused')
    return "; check user, password, virtual host and the user's rights";
  return '';
}

/** amqplib does not pass on with which words an opening was refused. */
function isRefusedOpening(error: unknown): boolean {
  return error instanceof Error && /ConnectionOpenOk; got .*ConnectionClose/.test(error.message);
}

function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, name } = error as { code?: unknown; name: string };
  if (name === 'IllegalOperationError' || typeof code === 'string') return true;
  return /closed|ended|Heartbeat|Socket|ECONN|Unexpected close|ETIMEDOUT/i.test(error.message);
}

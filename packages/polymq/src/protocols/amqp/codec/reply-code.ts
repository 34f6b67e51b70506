/**
 * Why a channel or a connection is closed (AMQP 0-9-1 §1.2, constants). A soft error closes the channel, a
 * hard one the connection.
 */
export const REPLY_CODE = {
  success: 200,
  contentTooLarge: 311,
  noRoute: 312,
  noConsumers: 313,
  connectionForced: 320,
  invalidPath: 402,
  accessRefused: 403,
  notFound: 404,
  resourceLocked: 405,
  preconditionFailed: 406,
  frameError: 501,
  syntaxError: 502,
  commandInvalid: 503,
  channelError: 504,
  unexpectedFrame: 505,
  resourceError: 506,
  notAllowed: 530,
  notImplemented: 540,
  internalError: 541,
} as const;

/** The words that RabbitMQ puts in front of its explanation, `NOT_FOUND - no queue 'a'`; tools look for them. */
export const REPLY_NAME: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(REPLY_CODE).map(([name, code]) => [
    code,
    name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase(),
  ]),
);

const SOFT: ReadonlySet<number> = new Set([311, 312, 313, 403, 404, 405, 406]);

/** Whether the error ends the whole connection, and not only the channel that it happened on. */
export function isHardError(replyCode: number): boolean {
  return !SOFT.has(replyCode);
}

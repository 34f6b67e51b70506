/**
 * What connections say about themselves, and the small talk. Nobody has a password: the user `default` is let in with any,
 * and others are told what Redis tells them.
 */
import { readInteger } from '../codec/numbers.ts';
import type { Handler } from '../command-row.ts';
import { CommandError, NOT_AN_INTEGER } from '../errors.ts';
import { EMULATED_VERSION } from '../info.ts';
import type { RedisSession } from '../session.ts';

const DATABASES = 16;
const WRONG_PASSWORD = 'WRONGPASS invalid username-password pair or user is disabled.';

/** In RESP2, subscribers get it in the form of a message. */
export const ping: Handler = (session, args) => {
  const { reply } = session;
  if (args.length > 2) throw new CommandError("ERR wrong number of arguments for 'ping' command");
  if (reply.version === 2 && session.subscriptionCount > 0) {
    reply.array(2);
    reply.bulk('pong');
    reply.bulk(args[1] ?? '');
  } else if (args[1] === undefined) reply.status('PONG');
  else reply.bulk(args[1]);
};

export const echo: Handler = ({ reply }, args) => reply.bulk(args[1]!);

export const quit: Handler = (session) => {
  session.reply.ok();
  session.end();
};

/** Everything is as if the client had just connected. */
export const reset: Handler = (session) => {
  session.transaction = undefined;
  session.closeSubscriptions();
  session.name = '';
  session.database = 0;
  session.noEvict = false;
  session.noTouch = false;
  session.replies = 'on';
  session.reply.sink = session.output;
  session.setVersion(2);
  session.reply.status('RESET');
};

/** All databases are the same: channels are none of theirs. */
export const select: Handler = (session, args) => {
  const index = integerOf(args[1]!);
  if (Number.isNaN(index)) throw new CommandError(NOT_AN_INTEGER);
  if (index < 0 || index >= DATABASES) throw new CommandError('ERR DB index is out of range');
  session.database = index;
  session.reply.ok();
};

export const auth: Handler = ({ reply }, args) => {
  if (args.length > 3) throw new CommandError('ERR syntax error');
  if (args.length === 2) {
    throw new CommandError(
      'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
    );
  }
  checkUser(args[1]!);
  reply.ok();
};

export const hello: Handler = (session, args) => {
  let version = session.reply.version;
  if (args.length > 1) {
    const asked = integerOf(args[1]!);
    if (Number.isNaN(asked)) {
      throw new CommandError('ERR Protocol version is not an integer or out of range');
    }
    if (asked !== 2 && asked !== 3) throw new CommandError('NOPROTO unsupported protocol version');
    version = asked;
  }
  helloOptions(session, args);
  session.setVersion(version);
  const { reply } = session;
  reply.map(7);
  const facts: [string, string | number][] = [
    ['server', 'redis'],
    ['version', EMULATED_VERSION],
    ['proto', version],
    ['id', session.id],
    ['mode', 'standalone'],
    ['role', 'master'],
  ];
  for (const [name, value] of facts) {
    reply.bulk(name);
    if (typeof value === 'number') reply.integer(value);
    else reply.bulk(value);
  }
  reply.bulk('modules');
  reply.array(0);
};

function helloOptions(session: RedisSession, args: readonly Buffer[]): void {
  for (let at = 2; at < args.length; at++) {
    const option = args[at]!.toString('utf8').toLowerCase();
    const left = args.length - 1 - at;
    if (option === 'auth' && left >= 2) {
      checkUser(args[at + 1]!);
      at += 2;
    } else if (option === 'setname' && left >= 1) {
      session.name = clientName(args[at + 1]!);
      at += 1;
    } else {
      throw new CommandError(
        `ERR Syntax error in HELLO option '${args[at]!.toString('utf8', 0, 128)}'`,
      );
    }
  }
}

/** Nobody has a password yet, so the default user is let in with any. */
function checkUser(user: Buffer): void {
  if (user.toString('latin1') !== 'default') throw new CommandError(WRONG_PASSWORD);
}

/** Throws `CommandError` if it is none. */
export function clientName(name: Buffer): string {
  for (const byte of name) {
    if (byte >= 0x21 && byte <= 0x7e) continue;
    throw new CommandError(
      'ERR Client names cannot contain spaces, newlines or special characters.',
    );
  }
  return name.toString('latin1', 0, NAME_BYTES_MAX);
}

/** Longer names are cut: they only serve to be read. */
const NAME_BYTES_MAX = 1024;

export function integerOf(arg: Buffer): number {
  return readInteger(arg, 0, arg.length);
}

export const ok: Handler = ({ reply }) => reply.ok();

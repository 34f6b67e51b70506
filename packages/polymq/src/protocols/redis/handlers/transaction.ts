/** MULTI to EXEC. Nothing of other connections can come in between, since commands never wait inside. */

import { call } from '../call.ts';
import { ReplyMemory } from '../codec/reply.ts';
import type { Handler } from '../command-row.ts';
import { CommandError } from '../errors.ts';
import type { RedisSession } from '../session.ts';
import { Transaction } from '../transaction.ts';

export const multi: Handler = (session) => {
  if (session.transaction !== undefined)
    throw new CommandError('ERR MULTI calls can not be nested');
  session.transaction = new Transaction();
  session.reply.ok();
};

export const discard: Handler = (session) => {
  if (session.transaction === undefined) throw new CommandError('ERR DISCARD without MULTI');
  session.transaction = undefined;
  session.reply.ok();
};

/** There are no keys, so none ever changes. */
export const watch: Handler = (session) => {
  if (session.transaction !== undefined) {
    throw new CommandError('ERR WATCH inside MULTI is not allowed');
  }
  session.reply.ok();
};

export const exec: Handler = (session) => {
  const { transaction } = session;
  if (transaction === undefined) throw new CommandError('ERR EXEC without MULTI');
  try {
    if (transaction.dirty) {
      throw new CommandError('EXECABORT Transaction discarded because of previous errors.');
    }
    run(session, transaction);
  } finally {
    session.transaction = undefined;
  }
};

/** Messages that somebody keeps must be safe before the client learns of any reply. */
function run(session: RedisSession, transaction: Transaction): void {
  const { reply } = session;
  const { sink } = reply;
  const memory = new ReplyMemory();
  if (!session.silent) reply.sink = memory;
  try {
    reply.array(transaction.commands.length);
    for (const { row, args } of transaction.commands) {
      session.lastCommand = row.name;
      call(session, row, args);
    }
  } finally {
    reply.sink = sink;
  }
  if (session.silent) return;
  if (transaction.stored) session.holdBytes(memory.bytes, transaction.streams);
  else reply.raw(memory.bytes);
}

/** Classes 85 and 90: publisher confirms and transactions. A channel has one of them or neither. */

import type { Channel } from '../channel.ts';
import { methodFrame } from '../codec/index.ts';
import { Confirms } from '../confirms.ts';
import { AmqpError } from '../errors.ts';
import { Transaction } from '../transaction.ts';
import type { Handlers } from './handler.ts';

export const confirmTxHandlers: Handlers = {
  'confirm.select'(session, { noWait }, channel) {
    if (channel.transaction) {
      throw new AmqpError('preconditionFailed', 'cannot switch from tx to confirm mode');
    }
    channel.confirms ??= new Confirms();
    if (!noWait) session.output.frame(methodFrame(channel.number, 'confirm.select-ok', {}));
    return undefined;
  },

  'tx.select'(session, _args, channel) {
    if (channel.confirms) {
      throw new AmqpError('preconditionFailed', 'cannot switch from confirm to tx mode');
    }
    channel.transaction ??= new Transaction();
    session.output.frame(methodFrame(channel.number, 'tx.select-ok', {}));
    return undefined;
  },

  async 'tx.commit'(session, _args, channel) {
    transactionOf(channel).commit(channel);
    const { store } = session.server.broker.queues;
    const streams = channel.publishing.takeStreams();
    await store.whenCommitted(store.position);
    await streams;
    session.output.frame(methodFrame(channel.number, 'tx.commit-ok', {}));
  },

  'tx.rollback'(session, _args, channel) {
    transactionOf(channel).rollback(channel);
    session.output.frame(methodFrame(channel.number, 'tx.rollback-ok', {}));
    return undefined;
  },
};

function transactionOf({ transaction }: Channel): Transaction {
  if (transaction) return transaction;
  throw new AmqpError('preconditionFailed', 'channel is not transactional');
}

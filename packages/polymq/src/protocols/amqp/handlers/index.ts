import { basicHandlers } from './basic.ts';
import { channelHandlers } from './channel.ts';
import { confirmTxHandlers } from './confirm-tx.ts';
import { connectionHandlers } from './connection.ts';
import { exchangeHandlers } from './exchange.ts';
import type { Handlers } from './handler.ts';
import { queueHandlers } from './queue.ts';

/** What is done for every method that a client may send. */
export const HANDLERS: Handlers = {
  ...connectionHandlers,
  ...channelHandlers,
  ...exchangeHandlers,
  ...queueHandlers,
  ...basicHandlers,
  ...confirmTxHandlers,
};

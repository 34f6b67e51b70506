/** Payment, inventory and notification: each consumes a queue of its own, and answers to the saga that asked. */
import type { Client, Consumer, Saga } from '@polymq/client';
import { Charge, Charged, OutOfStock, Refund, Refunded, Reserve, Reserved } from './messages.ts';

type Say = (line: string) => void;

export function payment(mq: Client, orders: Saga<never>, say: Say): Consumer {
  return mq.queue('payment', { contract: [Charge, Refund] }).consume(async ({ type, data }) => {
    const { orderId, cents } = data as { orderId: string; cents: number };
    const isRefund = type === Refund.name;
    say(`payment: ${isRefund ? 'gives back' : 'takes'} ${cents} cents for order ${orderId}`);
    await orders.send(isRefund ? Refunded : Charged, { orderId }, { correlationId: orderId });
  });
}

export function inventory(mq: Client, orders: Saga<never>, say: Say): Consumer {
  const stock = new Map([['lamp', 1]]);
  return mq.queue('inventory', { contract: Reserve }).consume(async ({ data }) => {
    const { orderId, article } = data;
    const left = stock.get(article) ?? 0;
    say(`inventory: ${left > 0 ? 'reserves a' : 'has no'} ${article} for order ${orderId}`);
    if (left > 0) stock.set(article, left - 1);
    await orders.send(left > 0 ? Reserved : OutOfStock, { orderId }, { correlationId: orderId });
  });
}

export function notification(mq: Client, say: Say): Consumer {
  return mq.queue<string>('notification').consume(({ data }) => say(`notification: ${data}`));
}

/** What must not compile of event stores, projections and sagas; see `misuse.ts`. */
import { type Client, type Decider, eventStore, type MessageContract, saga } from '@polymq/client';

interface BankEvents {
  Opened: { owner: string };
  Deposited: { amount: number };
}

declare const mq: Client;
declare const OrderPlaced: MessageContract<{ orderId: string }>;
declare const account: Decider<number, { deposit: number }, BankEvents>;

export async function events(): Promise<void> {
  const bank = eventStore<BankEvents>(mq, 'bank');
  await bank.append('acc', { type: 'Opened', data: { owner: 'Ada' } }, { expect: 'new' });
  // @ts-expect-error: no such type of event
  await bank.append('acc', { type: 'Closed', data: {} });
  // @ts-expect-error: the data of another type
  await bank.append('acc', { type: 'Opened', data: { amount: 1 } });
  // @ts-expect-error: no such expectation
  await bank.append('acc', { type: 'Opened', data: { owner: 'Ada' } }, { expect: 'old' });
  await bank.fold('acc', 0, (sum, e) => (e.type === 'Deposited' ? sum + e.data.amount : sum));
  // @ts-expect-error: not every event has an amount
  await bank.fold('acc', 0, (sum, e) => sum + e.data.amount);
  await bank.decide('acc', account, { deposit: 1 });
  // @ts-expect-error: no such command
  await bank.decide('acc', account, { withdraw: 1 });
  bank.project('sums', { Deposited: ({ data }) => data.amount });
  // @ts-expect-error: no such type of event
  bank.project('sums', { Closed: () => undefined });
  // @ts-expect-error: the data of another type
  bank.project('sums', { Opened: ({ data }) => data.amount });
  // @ts-expect-error: no such option
  bank.project('sums', {}, { checkpoints: 'store' });
}

export function sagas(): void {
  const order = saga<{ total: number }>(mq, 'order');
  order.startedBy(OrderPlaced, { by: ({ data }) => data.orderId }, (ctx) => {
    ctx.state.total = 1;
    // @ts-expect-error: no such state
    ctx.state.sum = 1;
    // @ts-expect-error: no duration
    ctx.timeout('payment', 'soon');
  });
  // @ts-expect-error: the contract's data has no such field
  order.on(OrderPlaced, { by: ({ data }) => data.customer });
  // @ts-expect-error: not what the contract says
  void order.send(OrderPlaced, { orderId: 1 });
}

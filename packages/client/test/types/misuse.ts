/**
 * What must not compile. Every line under `@ts-expect-error` is an error for the compiler, and `npm run check` fails if one of them
 * stops being one.
 */
import {
  type Client,
  type DataOf,
  type Duration,
  defineMessage,
  type Handler,
  type Message,
  type MessageContract,
  type OnceStore,
  type QueueOptions,
} from '@polymq/client';
import { z } from 'zod';

interface Order {
  orderId: string;
  amount: number;
}
interface Payment {
  paymentId: string;
}

declare const mq: Client;
declare const order: Order;
declare const payment: Payment;
declare const paid: Message<Payment>;
declare const once: OnceStore;
declare const OrderPlaced: MessageContract<Order>;
declare const handlePayment: Handler<Payment>;
declare const handleOrder: Handler<Order>;

/** Never runs: the compiler is the test. */
export async function wrongPayloads(): Promise<void> {
  const orders = mq.queue<Order>('orders');
  const received = await orders.receive({ wait: '1s' });
  await orders.send(order);
  // @ts-expect-error: another kind of data
  await orders.send(payment);
  // @ts-expect-error: a field is missing
  await orders.send({ orderId: '1' });
  // @ts-expect-error: a field too many
  await orders.send({ orderId: '1', amount: 1, note: 'x' });
  await orders.sendBatch([{ data: order, delay: '5s' }]);
  // @ts-expect-error: another kind of data in a batch
  await orders.sendBatch([{ data: payment }]);
  if (received !== undefined) await orders.sendBatch([{ data: received, delay: '5s' }]);
  // @ts-expect-error: a message of another kind, forwarded in a batch
  await orders.sendBatch([{ data: paid }]);
  // @ts-expect-error: a batch of bare data
  await orders.sendBatch([order]);

  const placed = mq.topic<Order>('placed');
  await placed.publish(order, { key: '1' });
  // @ts-expect-error: another kind of data
  await placed.publish(payment);
  await placed.publishBatch([{ data: order, key: '1' }]);
  if (received !== undefined) await placed.publishBatch([{ data: received, key: '1' }]);
  // @ts-expect-error: a message of another kind, forwarded in a batch
  await placed.publishBatch([{ data: paid }]);

  // @ts-expect-error: nothing may have come
  received.data.orderId.toString();
  const text: string | undefined = received?.data.orderId;
  // @ts-expect-error: a field that the data does not have
  void [text, received?.data.paymentId];
  // @ts-expect-error: messages do not change
  if (received !== undefined) received.data = order;
}

export async function unknownOptions(): Promise<void> {
  // @ts-expect-error: no such option of a queue
  mq.queue('orders', { retries: 3 });
  // @ts-expect-error: no such option of retries
  mq.queue('orders', { retry: { max: 3, backof: 'fixed' } });
  // @ts-expect-error: no such backoff
  mq.queue('orders', { retry: { max: 3, backoff: 'linear' } });
  // @ts-expect-error: no such guarantee
  mq.queue('orders', { delivery: 'exactly-once' });
  // @ts-expect-error: effectively-once needs a store
  mq.queue('orders', { delivery: 'effectively-once' });
  mq.queue('orders', { delivery: { mode: 'effectively-once', once } });
  // @ts-expect-error: no such capability
  mq.queue('orders', { requires: ['teleport'] });
  // @ts-expect-error: no such way to overflow
  mq.queue('orders', { limit: { messages: 1, overflow: 'explode' } });
  const orders = mq.queue<Order>('orders');
  // @ts-expect-error: no such option of a send
  await orders.send(order, { delayed: '5s' });
  // @ts-expect-error: no duration
  await orders.send(order, { delay: '5 seconds' });
  // @ts-expect-error: headers are text
  await orders.send(order, { headers: { n: 1 } });
  // @ts-expect-error: no such option of consume
  orders.consume(handleOrder, { parallel: 2 });
  // @ts-expect-error: no such option of a topic
  mq.topic('placed', { partition: 3 });
  // @ts-expect-error: no place to begin from
  mq.topic<Order>('placed').subscribe(handleOrder, { from: 'end' });
  const wait: Duration = '1.5h';
  // @ts-expect-error: no unit of time
  const never: Duration = '3 fortnights';
  void [wait, never];
}

export function wrongHandlers(): void {
  const orders = mq.queue<Order>('orders');
  orders.consume(handleOrder);
  // @ts-expect-error: the handler expects another message
  orders.consume(handlePayment);
  // @ts-expect-error: the data has no such field
  orders.consume(async ({ data }) => data.paymentId);
  // @ts-expect-error: the handler expects another message
  mq.topic<Order>('placed').group('billing').consume(handlePayment);
  // @ts-expect-error: the handler expects another message
  mq.topic<Order>('placed').subscribe(handlePayment);
}

export async function contracts(): Promise<void> {
  const orders = mq.queue('orders', { contract: OrderPlaced });
  await orders.send(order);
  // @ts-expect-error: not what the contract says
  await orders.send(payment);
  // @ts-expect-error: not what the contract says
  orders.consume(handlePayment);

  const Shipped = defineMessage('shipped', z.object({ orderId: z.string(), at: z.number() }));
  const shipped: DataOf<typeof Shipped> = { orderId: '1', at: 1 };
  const shipments = mq.queue('shipments', { contract: Shipped });
  await shipments.send(shipped);
  // @ts-expect-error: the schema says number
  await shipments.send({ orderId: '1', at: 'now' });
  // @ts-expect-error: the schema has no such field
  shipments.consume(({ data }) => data.amount);
  // @ts-expect-error: no schema
  defineMessage('shipped', { orderId: 'string' });
  const options: QueueOptions<Order> = { contract: OrderPlaced };
  // @ts-expect-error: options of another kind of data
  const others: QueueOptions<Payment> = { contract: OrderPlaced };
  void [options, others];
}

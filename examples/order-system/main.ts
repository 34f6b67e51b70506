/**
 * A shop: an order is placed, paid, reserved and confirmed; or everything is undone. A saga, an outbox, three services.
 *
 *   shop ─► database + outbox ─► saga "order" ─► payment ─► inventory ─► notification
 *                                     └ out of stock: refund, in reverse order, then the customer is told
 */
import { outbox, type SqlDatabase, saga } from '@polymq/client';
import { open } from '../lib/open.ts';
import { openDatabase } from './database.ts';
import {
  Charge,
  Charged,
  OrderPlaced,
  OutOfStock,
  Refund,
  Refunded,
  Reserve,
  Reserved,
} from './messages.ts';
import { inventory, notification, payment } from './services.ts';

interface OrderState {
  article: string;
  cents: number;
}

const mq = await open();
const db = await openDatabase();
const story: string[] = [];
const say = (line: string): void => {
  story.push(line);
  console.log(line);
};

// Who decides what happens next. Its state is in the database, and survives whatever crashes.
const orders = saga<OrderState>(mq, 'order', { store: db })
  .startedBy(OrderPlaced, {}, (ctx, { data }) => {
    ctx.state = { article: data.article, cents: data.cents };
    const money = { orderId: ctx.id, cents: data.cents };
    ctx.send('payment', money, { type: Charge });
    ctx.compensateWith('payment', money, { type: Refund, confirmedBy: Refunded });
    ctx.timeout('payment', '15m');
  })
  .on(Charged, {}, (ctx) => {
    ctx.cancelTimeout('payment');
    ctx.send('inventory', { orderId: ctx.id, article: ctx.state.article }, { type: Reserve });
  })
  .on(Reserved, {}, (ctx) => {
    ctx.send('notification', `order ${ctx.id} is on its way`);
    ctx.complete();
  })
  .on(OutOfStock, {}, (ctx) => ctx.compensate())
  .on(Refunded, {})
  .onTimeout('payment', (ctx) => ctx.compensate())
  .onCompensated((ctx) => {
    ctx.send('notification', `order ${ctx.id} was cancelled, you have your money back`);
  });

const running = [
  orders.start(),
  payment(mq, orders as never, say),
  inventory(mq, orders as never, say),
  notification(mq, say),
];

// The shop: the order and the message about it are in one transaction, so there is either both or neither.
const box = outbox({ mq, db });
await box.ready();
const relay = box.relay();
await place(db, { orderId: '1', article: 'lamp', cents: 4_900 });
await place(db, { orderId: '2', article: 'lamp', cents: 4_900 }).then(() => settled('2'));
await place(db, { orderId: '3', article: 'sofa', cents: 0.5 }).catch(() =>
  say('shop: order 3 was refused, and nobody heard of it'),
);

await settled('1');
for (const id of ['1', '2']) say(`order ${id}: ${(await orders.get(id))?.status}`);
const { rows } = await db.query('select count(*) as placed from orders');
say(`orders in the database: ${rows[0]?.['placed']}`);

await relay.close();
await Promise.all(running.map((each) => each.close()));
await mq.close();

async function place(
  database: SqlDatabase,
  order: { orderId: string; article: string; cents: number },
): Promise<void> {
  const { orderId } = order;
  await database.transaction(async (tx) => {
    await tx.query("insert into orders (id, state) values ($1, 'placed')", [orderId]);
    // Throws for what is no order, and nothing has happened then.
    await OrderPlaced.encode(order);
    const options = { type: OrderPlaced.name, correlationId: orderId, key: orderId };
    await box.add(tx, orders.queue, order, options);
  });
  say(`shop: order ${orderId} is placed`);
}

/** The customer was told how it ended. */
async function settled(orderId: string): Promise<void> {
  const told = (): boolean =>
    story.some((line) => line.startsWith(`notification: order ${orderId} `));
  while (!told()) await new Promise((resolve) => setTimeout(resolve, 10));
}

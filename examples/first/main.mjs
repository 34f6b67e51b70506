import { connect } from '@polymq/client';

const mq = await connect(process.env.MQ_URL ?? 'embedded:./data');
const orders = mq.queue('orders', { retry: { max: 3 }, deadLetter: 'orders-dlq' });
await orders.send({ orderId: '123', action: 'process' });

let message = await orders.receive({ wait: '6s' });
for (; message !== undefined; message = await orders.receive({ wait: '6s' })) {
  try {
    console.log(`attempt ${message.retryCount + 1} of order ${message.data.orderId}`);
    throw new Error('the bank is closed'); // where your work would be, and then: await message.ack()
  } catch (error) {
    await message.nack({ delay: 2 ** message.retryCount * 1000, reason: error });
  }
}
for (const { data, reason } of await orders.deadLetters.list()) console.log(data.orderId, reason);
await mq.close();

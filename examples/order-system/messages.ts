/** What the services of the shop say to each other. Every service has these contracts, whatever it is written in. */
import { defineMessage } from '@polymq/client';
import { z } from 'zod';

const order = { orderId: z.string() };

export const OrderPlaced = defineMessage(
  'OrderPlaced',
  z.object({ ...order, article: z.string(), cents: z.number().int() }),
);
export const Charge = defineMessage('Charge', z.object({ ...order, cents: z.number().int() }));
export const Charged = defineMessage('Charged', z.object(order));
export const Refund = defineMessage('Refund', z.object({ ...order, cents: z.number().int() }));
export const Refunded = defineMessage('Refunded', z.object(order));
export const Reserve = defineMessage('Reserve', z.object({ ...order, article: z.string() }));
export const Reserved = defineMessage('Reserved', z.object(order));
export const OutOfStock = defineMessage('OutOfStock', z.object(order));

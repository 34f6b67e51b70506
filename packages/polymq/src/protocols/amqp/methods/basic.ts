/**
 * Class 60: messages. `publish`, `ack`, `reject` and `nack` from clients, and `deliver`, `return`, `get-ok`,
 * `ack` and `nack` to them have readers and writers of their own that allocate nothing
 * (`codec/read-hot.ts`, `codec/write-hot.ts`).
 */
export const basic = {
  'basic.qos': {
    id: [60, 10],
    sentBy: 'client',
    reply: 'basic.qos-ok',
    args: { prefetchSize: 'long', prefetchCount: 'short', global: 'bit' },
  },
  'basic.qos-ok': {
    id: [60, 11],
    sentBy: 'server',
    args: {},
  },
  'basic.consume': {
    id: [60, 20],
    sentBy: 'client',
    reply: 'basic.consume-ok',
    args: {
      reserved1: 'short',
      queue: 'shortstr',
      consumerTag: 'shortstr',
      noLocal: 'bit',
      noAck: 'bit',
      exclusive: 'bit',
      noWait: 'bit',
      arguments: 'table',
    },
  },
  'basic.consume-ok': {
    id: [60, 21],
    sentBy: 'server',
    args: { consumerTag: 'shortstr' },
  },
  // The server sends it too, when a queue goes away under its consumers.
  'basic.cancel': {
    id: [60, 30],
    sentBy: 'both',
    reply: 'basic.cancel-ok',
    args: { consumerTag: 'shortstr', noWait: 'bit' },
  },
  'basic.cancel-ok': {
    id: [60, 31],
    sentBy: 'both',
    args: { consumerTag: 'shortstr' },
  },
  'basic.publish': {
    id: [60, 40],
    sentBy: 'client',
    content: true,
    args: {
      reserved1: 'short',
      exchange: 'shortstr',
      routingKey: 'shortstr',
      mandatory: 'bit',
      immediate: 'bit',
    },
  },
  'basic.return': {
    id: [60, 50],
    sentBy: 'server',
    content: true,
    args: {
      replyCode: 'short',
      replyText: 'shortstr',
      exchange: 'shortstr',
      routingKey: 'shortstr',
    },
  },
  'basic.deliver': {
    id: [60, 60],
    sentBy: 'server',
    content: true,
    args: {
      consumerTag: 'shortstr',
      deliveryTag: 'longlong',
      redelivered: 'bit',
      exchange: 'shortstr',
      routingKey: 'shortstr',
    },
  },
  'basic.get': {
    id: [60, 70],
    sentBy: 'client',
    reply: ['basic.get-ok', 'basic.get-empty'],
    args: { reserved1: 'short', queue: 'shortstr', noAck: 'bit' },
  },
  'basic.get-ok': {
    id: [60, 71],
    sentBy: 'server',
    content: true,
    args: {
      deliveryTag: 'longlong',
      redelivered: 'bit',
      exchange: 'shortstr',
      routingKey: 'shortstr',
      messageCount: 'long',
    },
  },
  'basic.get-empty': {
    id: [60, 72],
    sentBy: 'server',
    args: { reserved1: 'shortstr' },
  },
  'basic.ack': {
    id: [60, 80],
    sentBy: 'both',
    args: { deliveryTag: 'longlong', multiple: 'bit' },
  },
  'basic.reject': {
    id: [60, 90],
    sentBy: 'client',
    args: { deliveryTag: 'longlong', requeue: 'bit' },
  },
  'basic.recover-async': {
    id: [60, 100],
    sentBy: 'client',
    args: { requeue: 'bit' },
  },
  'basic.recover': {
    id: [60, 110],
    sentBy: 'client',
    reply: 'basic.recover-ok',
    args: { requeue: 'bit' },
  },
  'basic.recover-ok': {
    id: [60, 111],
    sentBy: 'server',
    args: {},
  },
  'basic.nack': {
    id: [60, 120],
    sentBy: 'both',
    args: { deliveryTag: 'longlong', multiple: 'bit', requeue: 'bit' },
  },
} as const;

/**
 * Class 50: queues and their bindings. Of a declaration, what RabbitMQ adds is in the arguments: `x-…`.
 * `unbind` has no `noWait`, unlike its siblings.
 */
export const queue = {
  'queue.declare': {
    id: [50, 10],
    sentBy: 'client',
    reply: 'queue.declare-ok',
    args: {
      reserved1: 'short',
      queue: 'shortstr',
      passive: 'bit',
      durable: 'bit',
      exclusive: 'bit',
      autoDelete: 'bit',
      noWait: 'bit',
      arguments: 'table',
    },
  },
  'queue.declare-ok': {
    id: [50, 11],
    sentBy: 'server',
    args: { queue: 'shortstr', messageCount: 'long', consumerCount: 'long' },
  },
  'queue.bind': {
    id: [50, 20],
    sentBy: 'client',
    reply: 'queue.bind-ok',
    args: {
      reserved1: 'short',
      queue: 'shortstr',
      exchange: 'shortstr',
      routingKey: 'shortstr',
      noWait: 'bit',
      arguments: 'table',
    },
  },
  'queue.bind-ok': {
    id: [50, 21],
    sentBy: 'server',
    args: {},
  },
  'queue.purge': {
    id: [50, 30],
    sentBy: 'client',
    reply: 'queue.purge-ok',
    args: { reserved1: 'short', queue: 'shortstr', noWait: 'bit' },
  },
  'queue.purge-ok': {
    id: [50, 31],
    sentBy: 'server',
    args: { messageCount: 'long' },
  },
  'queue.delete': {
    id: [50, 40],
    sentBy: 'client',
    reply: 'queue.delete-ok',
    args: {
      reserved1: 'short',
      queue: 'shortstr',
      ifUnused: 'bit',
      ifEmpty: 'bit',
      noWait: 'bit',
    },
  },
  'queue.delete-ok': {
    id: [50, 41],
    sentBy: 'server',
    args: { messageCount: 'long' },
  },
  'queue.unbind': {
    id: [50, 50],
    sentBy: 'client',
    reply: 'queue.unbind-ok',
    args: {
      reserved1: 'short',
      queue: 'shortstr',
      exchange: 'shortstr',
      routingKey: 'shortstr',
      arguments: 'table',
    },
  },
  'queue.unbind-ok': {
    id: [50, 51],
    sentBy: 'server',
    args: {},
  },
} as const;

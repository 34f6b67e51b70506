/** Class 40: exchanges, and bindings between them, which are an extension of RabbitMQ. */
export const exchange = {
  'exchange.declare': {
    id: [40, 10],
    sentBy: 'client',
    reply: 'exchange.declare-ok',
    args: {
      reserved1: 'short',
      exchange: 'shortstr',
      type: 'shortstr',
      passive: 'bit',
      durable: 'bit',
      autoDelete: 'bit',
      internal: 'bit',
      noWait: 'bit',
      arguments: 'table',
    },
  },
  'exchange.declare-ok': {
    id: [40, 11],
    sentBy: 'server',
    args: {},
  },
  'exchange.delete': {
    id: [40, 20],
    sentBy: 'client',
    reply: 'exchange.delete-ok',
    args: { reserved1: 'short', exchange: 'shortstr', ifUnused: 'bit', noWait: 'bit' },
  },
  'exchange.delete-ok': {
    id: [40, 21],
    sentBy: 'server',
    args: {},
  },
  'exchange.bind': {
    id: [40, 30],
    sentBy: 'client',
    reply: 'exchange.bind-ok',
    args: {
      reserved1: 'short',
      destination: 'shortstr',
      source: 'shortstr',
      routingKey: 'shortstr',
      noWait: 'bit',
      arguments: 'table',
    },
  },
  'exchange.bind-ok': {
    id: [40, 31],
    sentBy: 'server',
    args: {},
  },
  'exchange.unbind': {
    id: [40, 40],
    sentBy: 'client',
    reply: 'exchange.unbind-ok',
    args: {
      reserved1: 'short',
      destination: 'shortstr',
      source: 'shortstr',
      routingKey: 'shortstr',
      noWait: 'bit',
      arguments: 'table',
    },
  },
  // 51, not 41: a slip of the first release that all clients know by now.
  'exchange.unbind-ok': {
    id: [40, 51],
    sentBy: 'server',
    args: {},
  },
} as const;

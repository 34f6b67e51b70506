/** Class 30: left over from AMQP 0-8. Old clients ask for a ticket, which means nothing. */
export const access = {
  'access.request': {
    id: [30, 10],
    sentBy: 'client',
    reply: 'access.request-ok',
    args: {
      realm: 'shortstr',
      exclusive: 'bit',
      passive: 'bit',
      active: 'bit',
      write: 'bit',
      read: 'bit',
    },
  },
  'access.request-ok': {
    id: [30, 11],
    sentBy: 'server',
    args: { ticket: 'short' },
  },
} as const;

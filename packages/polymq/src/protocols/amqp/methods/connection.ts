/**
 * Class 10: negotiation, authentication and the end of a connection, all of it on channel 0. `blocked`,
 * `unblocked` and `update-secret` are extensions of RabbitMQ.
 */
export const connection = {
  'connection.start': {
    id: [10, 10],
    sentBy: 'server',
    reply: 'connection.start-ok',
    args: {
      versionMajor: 'octet',
      versionMinor: 'octet',
      serverProperties: 'table',
      mechanisms: 'longstr',
      locales: 'longstr',
    },
  },
  'connection.start-ok': {
    id: [10, 11],
    sentBy: 'client',
    args: {
      clientProperties: 'table',
      mechanism: 'shortstr',
      response: 'longstr',
      locale: 'shortstr',
    },
  },
  'connection.secure': {
    id: [10, 20],
    sentBy: 'server',
    reply: 'connection.secure-ok',
    args: { challenge: 'longstr' },
  },
  'connection.secure-ok': {
    id: [10, 21],
    sentBy: 'client',
    args: { response: 'longstr' },
  },
  'connection.tune': {
    id: [10, 30],
    sentBy: 'server',
    reply: 'connection.tune-ok',
    args: { channelMax: 'short', frameMax: 'long', heartbeat: 'short' },
  },
  'connection.tune-ok': {
    id: [10, 31],
    sentBy: 'client',
    args: { channelMax: 'short', frameMax: 'long', heartbeat: 'short' },
  },
  'connection.open': {
    id: [10, 40],
    sentBy: 'client',
    reply: 'connection.open-ok',
    args: { virtualHost: 'shortstr', reserved1: 'shortstr', reserved2: 'bit' },
  },
  'connection.open-ok': {
    id: [10, 41],
    sentBy: 'server',
    args: { reserved1: 'shortstr' },
  },
  'connection.close': {
    id: [10, 50],
    sentBy: 'both',
    reply: 'connection.close-ok',
    args: { replyCode: 'short', replyText: 'shortstr', classId: 'short', methodId: 'short' },
  },
  'connection.close-ok': {
    id: [10, 51],
    sentBy: 'both',
    args: {},
  },
  'connection.blocked': {
    id: [10, 60],
    sentBy: 'server',
    args: { reason: 'shortstr' },
  },
  'connection.unblocked': {
    id: [10, 61],
    sentBy: 'server',
    args: {},
  },
  'connection.update-secret': {
    id: [10, 70],
    sentBy: 'client',
    reply: 'connection.update-secret-ok',
    args: { newSecret: 'longstr', reason: 'shortstr' },
  },
  'connection.update-secret-ok': {
    id: [10, 71],
    sentBy: 'server',
    args: {},
  },
} as const;

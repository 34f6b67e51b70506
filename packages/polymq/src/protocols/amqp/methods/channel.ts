/** Class 20: the life of a channel. */
export const channel = {
  'channel.open': {
    id: [20, 10],
    sentBy: 'client',
    reply: 'channel.open-ok',
    args: { reserved1: 'shortstr' },
  },
  'channel.open-ok': {
    id: [20, 11],
    sentBy: 'server',
    args: { reserved1: 'longstr' },
  },
  'channel.flow': {
    id: [20, 20],
    sentBy: 'both',
    reply: 'channel.flow-ok',
    args: { active: 'bit' },
  },
  'channel.flow-ok': {
    id: [20, 21],
    sentBy: 'both',
    args: { active: 'bit' },
  },
  'channel.close': {
    id: [20, 40],
    sentBy: 'both',
    reply: 'channel.close-ok',
    args: { replyCode: 'short', replyText: 'shortstr', classId: 'short', methodId: 'short' },
  },
  'channel.close-ok': {
    id: [20, 41],
    sentBy: 'both',
    args: {},
  },
} as const;

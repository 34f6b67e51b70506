/** Class 90: transactions of publishes and acknowledgements on one channel. */
export const tx = {
  'tx.select': {
    id: [90, 10],
    sentBy: 'client',
    reply: 'tx.select-ok',
    args: {},
  },
  'tx.select-ok': {
    id: [90, 11],
    sentBy: 'server',
    args: {},
  },
  'tx.commit': {
    id: [90, 20],
    sentBy: 'client',
    reply: 'tx.commit-ok',
    args: {},
  },
  'tx.commit-ok': {
    id: [90, 21],
    sentBy: 'server',
    args: {},
  },
  'tx.rollback': {
    id: [90, 30],
    sentBy: 'client',
    reply: 'tx.rollback-ok',
    args: {},
  },
  'tx.rollback-ok': {
    id: [90, 31],
    sentBy: 'server',
    args: {},
  },
} as const;

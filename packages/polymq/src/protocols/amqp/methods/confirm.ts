/** Class 85: publisher confirms, an extension of RabbitMQ. */
export const confirm = {
  'confirm.select': {
    id: [85, 10],
    sentBy: 'client',
    reply: 'confirm.select-ok',
    args: { noWait: 'bit' },
  },
  'confirm.select-ok': {
    id: [85, 11],
    sentBy: 'server',
    args: {},
  },
} as const;

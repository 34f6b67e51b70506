/** What the driver calls its own things at the server. */

/** Before the milliseconds: exchanges and queues in which messages wait for their time. */
export const DELAY_PREFIX = 'polymq.delay.';
/** The exchange of delayed messages on a PolyMQ. */
export const DELAYED_EXCHANGE = 'polymq.delayed';
/** Where messages for a limited queue wait for room when their time has come. */
export const dueQueue = (queue: string): string => `polymq.due.${queue}`;
/** The queue in which a service's requests wait. */
export const serviceQueue = (service: string): string => `polymq.service.${service}`;
/** The stream behind a stored topic. */
export const streamQueue = (topic: string): string => `${topic}.stream`;
/** The right to read a topic for a group, and how far the group has come. */
export const groupLock = (topic: string, group: string): string => `polymq.group.${topic}.${group}`;
export const groupCommits = (topic: string, group: string): string =>
  `polymq.commits.${topic}.${group}`;
/** The address behind which the server hides where a reply goes. */
export const REPLY_TO = 'amq.rabbitmq.reply-to';

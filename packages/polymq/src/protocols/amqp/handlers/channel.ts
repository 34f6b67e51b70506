/** Class 20 and class 30, which is a relic that some clients still send. */
import { methodFrame } from '../codec/index.ts';
import { AmqpError } from '../errors.ts';
import type { Handlers } from './handler.ts';

export const channelHandlers: Handlers = {
  'channel.open'(session, _args, channel) {
    if (channel.opened) throw new AmqpError('channelError', `second 'channel.open' seen`);
    channel.opened = true;
    session.output.frame(methodFrame(channel.number, 'channel.open-ok', {}));
    return undefined;
  },

  'channel.flow'(session, { active }, channel) {
    channel.flowing = active;
    session.output.frame(methodFrame(channel.number, 'channel.flow-ok', { active }));
    if (active) for (const consumer of channel.consumers.values()) consumer.resume();
    return undefined;
  },

  'channel.flow-ok'() {
    return undefined;
  },

  'channel.close'(session, _args, channel) {
    channel.sendConfirms();
    channel.close();
    session.dropChannel(channel);
    session.output.frame(methodFrame(channel.number, 'channel.close-ok', {}));
    return undefined;
  },

  // Answers to our own are seen before: nobody has asked for this one.
  'channel.close-ok'() {
    throw new AmqpError('commandInvalid', 'unimplemented method');
  },

  'access.request'(session, _args, channel) {
    session.output.frame(methodFrame(channel.number, 'access.request-ok', { ticket: 1 }));
    return undefined;
  },
};

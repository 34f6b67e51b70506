/**
 * Hooks for tools, by `node:diagnostics_channel`. An event is made only while somebody listens:
 *
 *   import { subscribe } from 'node:diagnostics_channel'
 *   subscribe('polymq:send', ({ place, messages }) => …)
 */
import { type Channel, channel } from 'node:diagnostics_channel';

/** `{ place, messages }`: these are about to go to the driver. */
export const sendChannel: Channel = channel('polymq:send');
/** `{ place, message }`: this one is about to go to its handler, or to whoever called `receive`. */
export const receiveChannel: Channel = channel('polymq:receive');
/** `{ place, message, outcome }`: `ack`, `retry`, `dead-letter` or `lost`. */
export const settleChannel: Channel = channel('polymq:settle');

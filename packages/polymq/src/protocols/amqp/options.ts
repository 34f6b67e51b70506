/** The settings of the section `amqp`, as the protocol uses them. */
export interface AmqpOptions {
  /** The largest frame that is offered, in bytes. */
  frameBytesMax: number;
  channelsMax: number;
  /** What is offered, in seconds; 0: none. */
  heartbeatS: number;
  messageBytesMax: number;
  /** A delivery may stay without an answer for so long. */
  consumerTimeoutMs: number;
  /** A client that has not taken what was sent to it for so long is cut off. */
  sendTimeoutMs: number;
  vhosts: readonly string[];
}

/** Settings come as text, by their names in the table of settings. */
export function readOptions(settings: ReadonlyMap<string, string>): AmqpOptions {
  const number = (name: string): number => Number(settings.get(`amqp.${name}`));
  return {
    frameBytesMax: number('frameBytesMax'),
    channelsMax: number('channelsMax'),
    heartbeatS: number('heartbeatS'),
    messageBytesMax: number('messageBytesMax'),
    consumerTimeoutMs: number('consumerTimeoutMs'),
    sendTimeoutMs: number('sendTimeoutMs'),
    vhosts: (settings.get('amqp.vhosts') ?? '/').split(','),
  };
}

/** The settings of the section `stomp`, as the protocol uses them. */
export interface StompOptions {
  messageBytesMax: number;
  headersMax: number;
  headerBytesMax: number;
  /** The shortest interval of heart-beats in either direction; 0: whatever the client says. */
  heartbeatMs: number;
  subscriptionsMax: number;
  /** Over all open transactions of a connection. */
  transactionBytesMax: number;
  /** A client that has not taken what was sent to it for so long is cut off. */
  sendTimeoutMs: number;
  vhosts: readonly string[];
}

/** Settings come as text, by their names in the table of settings. */
export function readOptions(settings: ReadonlyMap<string, string>): StompOptions {
  const number = (name: string): number => Number(settings.get(`stomp.${name}`));
  return {
    messageBytesMax: number('messageBytesMax'),
    headersMax: number('headersMax'),
    headerBytesMax: number('headerBytesMax'),
    heartbeatMs: number('heartbeatMs'),
    subscriptionsMax: number('subscriptionsMax'),
    transactionBytesMax: number('transactionBytesMax'),
    sendTimeoutMs: number('sendTimeoutMs'),
    // One list for all protocols that have virtual hosts: they are the same namespaces.
    vhosts: (settings.get('amqp.vhosts') ?? '/').split(','),
  };
}

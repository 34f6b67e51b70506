/** The settings of the section `mqtt`, as the protocol uses them. */
export interface MqttOptions {
  /** The largest packet that is read. */
  packetBytesMax: number;
  /** Messages of QoS 1 and 2 without an answer, each way. */
  inflightMax: number;
  /** Topic aliases, each way. */
  topicAliasMax: number;
  keepAliveMaxS: number;
  /** 4,294,967,295: sessions may last for ever. */
  sessionExpiryMaxS: number;
  /** Messages that wait for one client. */
  sessionMessagesMax: number;
  /** Topic filters of one client. */
  subscriptionsMax: number;
  /** What may wait to be sent to one client. */
  outputBytesMax: number;
  /** A client that has not taken what was sent to it for so long is cut off. */
  sendTimeoutMs: number;
  /** 0: topics below `$SYS` are never published. */
  systemIntervalMs: number;
}

/** Settings come as text, by their names in the table of settings. */
export function readOptions(settings: ReadonlyMap<string, string>): MqttOptions {
  const number = (name: string): number => Number(settings.get(`mqtt.${name}`));
  return {
    packetBytesMax: number('packetBytesMax'),
    inflightMax: number('inflightMax'),
    topicAliasMax: number('topicAliasMax'),
    keepAliveMaxS: number('keepAliveMaxS'),
    sessionExpiryMaxS: number('sessionExpiryMaxS'),
    sessionMessagesMax: number('sessionMessagesMax'),
    subscriptionsMax: number('subscriptionsMax'),
    outputBytesMax: number('outputBytesMax'),
    sendTimeoutMs: number('sendTimeoutMs'),
    systemIntervalMs: number('systemIntervalMs'),
  };
}

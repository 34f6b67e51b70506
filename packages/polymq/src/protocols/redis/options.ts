/** The settings of the section `redis`, as the protocol uses them. */
export interface RedisOptions {
  /** The largest argument of a command. */
  messageBytesMax: number;
  /** Channels and patterns of one connection. */
  subscriptionsMax: number;
  /** A client for which more waits than this is cut off. */
  outputBytesMax: number;
  /** The same for what waits longer than `outputSoftMs`. 0: no such limit. */
  outputSoftBytesMax: number;
  outputSoftMs: number;
}

/** Settings come as text, by their names in the table of settings. */
export function readOptions(settings: ReadonlyMap<string, string>): RedisOptions {
  const number = (name: string): number => Number(settings.get(`redis.${name}`));
  return {
    messageBytesMax: number('messageBytesMax'),
    subscriptionsMax: number('subscriptionsMax'),
    outputBytesMax: number('outputBytesMax'),
    outputSoftBytesMax: number('outputSoftBytesMax'),
    outputSoftMs: number('outputSoftMs'),
  };
}

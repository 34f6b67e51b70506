import type { Environment } from '../../lib/environment/environment.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Alarms } from '../alarms.ts';
import type { ExchangeCatalogue } from '../exchange/exchange-catalogue.ts';
import type { ExchangePublisher } from '../exchange/publisher.ts';
import type { MessageFormats } from '../message/message-formats.ts';
import type { Queues } from '../queue/queues.ts';
import type { Streams } from '../stream/streams.ts';
import { StreamBindings } from './stream-bindings.ts';
import { StreamTarget } from './stream-target.ts';

export interface OpenCrossingOptions {
  streams: Streams;
  /** With their messages. */
  queues: Queues;
  exchanges: ExchangeCatalogue;
  publisher: ExchangePublisher;
  /** With those of all protocols whose messages may be there. */
  formats: MessageFormats;
  environment: Pick<Environment, 'clock' | 'timers'>;
  logger: Logger;
  /** While anything is short, records wait in their streams. */
  alarms?: Pick<Alarms, 'reason' | 'onChange'>;
}

export interface OpenCrossing {
  readonly target: StreamTarget;
  readonly bindings: StreamBindings;
  /** To be called before exchanges, queues and streams are closed. */
  close(): void;
}

/**
 * Connects streams with queues and exchanges, both ways. Records flow when the promise resolves. A binding whose source
 * is a stream is made once its cursors are durable.
 */
export async function openCrossing(options: OpenCrossingOptions): Promise<OpenCrossing> {
  const { streams, exchanges, publisher, formats, environment } = options;
  const { timers } = environment;
  const target = new StreamTarget({ streams, formats, timers });
  publisher.streamTarget = (name, draft) => target.appendToStream(name, draft);
  const bindings = new StreamBindings({
    ...options,
    target,
    bindings: () => exchanges.streamBindings(),
  });
  const stopListening = exchanges.onStreamBindingsChanged(() => bindings.refresh());
  const stopFollowing = streams.onChange(({ stream }) => exchanges.streamChanged(stream.name));
  await bindings.refresh();
  return {
    target,
    bindings,
    close: () => {
      stopListening();
      stopFollowing();
      bindings.stop();
      target.flush();
    },
  };
}

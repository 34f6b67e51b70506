import type { MessageView } from './message-bytes.ts';
import type { MessageFormat } from './message-format.ts';
import { NEUTRAL_FORMAT } from './neutral-format.ts';
import type { NeutralMessage } from './neutral-message.ts';

const ID_MAX = 255;

/** Who can read the properties of which messages. Filled once by the composition root. */
export class MessageFormats {
  readonly #formats: (MessageFormat | undefined)[] = [NEUTRAL_FORMAT];

  constructor(formats: readonly MessageFormat[] = []) {
    for (const format of formats) this.register(format);
  }

  /** Registering the same format again does nothing. */
  register(format: MessageFormat): void {
    const { id, name } = format;
    if (!Number.isInteger(id) || id < 0 || id > ID_MAX) {
      throw new Error(`message format "${name}" has id ${id}; it takes 1 to ${ID_MAX}`);
    }
    const known = this.#formats[id];
    if (known === format) return;
    if (known !== undefined) {
      throw new Error(`message format ${id} is "${known.name}"; "${name}" needs another id`);
    }
    this.#formats[id] = format;
  }

  /** Throws if nobody has registered it: the message was written by a protocol this broker does not have. */
  get(id: number): MessageFormat {
    const format = this.#formats[id];
    if (format === undefined) throw new Error(`message format ${id} is not registered`);
    return format;
  }

  /** What the message says in terms that all protocols know. Copies what it keeps. */
  neutralOf(view: MessageView): NeutralMessage {
    return this.get(view.format).toNeutral(view.properties);
  }

  /** Application headers alone, for routing by headers. */
  headersOf(id: number, properties: Buffer): ReadonlyMap<string, unknown> {
    return this.get(id).headers(properties);
  }
}

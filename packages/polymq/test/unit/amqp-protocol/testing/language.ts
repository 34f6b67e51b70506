/**
 * How connections of AMQP stand in transcripts (docs of `runTranscript` in ../../transcripts):
 *
 *   > a connect                       opens connection `a` and logs in; channel 1 is opened with it
 *   > a socket                        opens a connection and says nothing yet
 *   > a.1 queue.declare queue=q       a method on channel 1 of `a`, with its arguments (docs of `framesOf`)
 *   < a.1 queue.declare-ok queue=q …  what the broker says to it
 *   > a.1 reopen                      answers the broker's `channel.close`, if there was one, and opens it again
 */
import type { Language, Speaker, Talk } from '../../transcripts/language.ts';
import { parseLine } from '../../transcripts/line.ts';
import { FrameReader, framesOf } from './frame-text.ts';

export const AMQP: Language = {
  separator: '.',
  generated: /amq\.(?:rabbitmq\.)?(gen|ctag|reply-to)[-.][A-Za-z0-9_+/=.-]{16,}/g,
  open: (text) => (/^(connect|socket)( |$)/.test(text) ? new AmqpSpeaker() : undefined),
};

class AmqpSpeaker implements Speaker {
  readonly #reader = new FrameReader();
  /** Channels that the broker has closed, and that were not opened again with `reopen`. */
  readonly #closedChannels = new Set<number>();

  async say(text: string, talk: Talk): Promise<Buffer | undefined> {
    const [, channel, method = ''] = /^([0-9]+) (.*)$/.exec(text) ?? [];
    if (channel === undefined) await this.#connectionCommand(text, talk);
    else if (method === 'reopen') await this.#reopen(Number(channel), talk);
    else return framesOf(Number(channel), parseLine(method));
    return undefined;
  }

  hear(bytes: Buffer): string[] {
    const lines = this.#reader.read(bytes);
    for (const line of lines) {
      const [, channel] = /^([0-9]+) channel\.close /.exec(line) ?? [];
      if (channel !== undefined) this.#closedChannels.add(Number(channel));
    }
    return lines;
  }

  async #reopen(channel: number, talk: Talk): Promise<void> {
    if (!this.#closedChannels.delete(channel)) return;
    for (const line of ['channel.close-ok', 'channel.open']) {
      talk.send(framesOf(channel, parseLine(line)));
    }
    await talk.settle();
    talk.lines.pop();
  }

  async #connectionCommand(text: string, talk: Talk): Promise<void> {
    const { words, args } = parseLine(text);
    if (words[0] === 'connect') await logIn(args, talk);
    else if (words[0] !== 'socket') throw new Error(`no command ${text}`);
  }
}

/** The whole handshake and `channel.open` on channel 1, without a line of it. */
async function logIn(args: Record<string, unknown>, talk: Talk): Promise<void> {
  const say = (channel: number, line: string) => talk.send(framesOf(channel, parseLine(line)));
  const { user = 'guest', vhost = '/', heartbeat = 0, frameMax = 131_072 } = args;
  const capabilities =
    args['capabilities'] === 'none'
      ? '{}'
      : '{"consumer_cancel_notify":true,"connection.blocked":true,"authentication_failure_close":true,"basic.nack":true,"publisher_confirms":true}';
  say(0, 'protocol-header');
  await talk.settle();
  say(
    0,
    `connection.start-ok mechanism=PLAIN response="|${user}|${user}" locale=en_US clientProperties={"capabilities":${capabilities}}`,
  );
  await talk.settle();
  say(0, `connection.tune-ok channelMax=2047 frameMax=${frameMax} heartbeat=${heartbeat}`);
  say(0, `connection.open virtualHost=${vhost}`);
  await talk.settle();
  say(1, 'channel.open');
  await talk.settle();
  const last = talk.lines.splice(0).at(-1);
  if (last !== `< ${talk.name}.1 channel.open-ok`) throw new Error(`cannot log in: ${last}`);
}

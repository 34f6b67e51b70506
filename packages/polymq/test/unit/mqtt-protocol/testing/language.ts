/**
 * How connections of MQTT stand in transcripts (docs of `runTranscript` in ../../transcripts):
 *
 *   > a 5 connect id=me               opens connection `a` as a client of MQTT 5 and sends a CONNECT; 4 is 3.1.1, 3 is 3.1
 *   > a 5 socket                      opens it and says nothing yet
 *   > a subscribe id=1 qos=1 "t/#"    any packet, with its fields (docs of `packetOf`)
 *   < a suback id=1 0x01              what the broker says to it
 */
import type { Language, Speaker } from '../../transcripts/language.ts';
import { parseLine } from '../../transcripts/line.ts';
import { PacketReader, packetOf, type Version } from './packet-text.ts';

export const MQTT: Language = {
  separator: ' ',
  open(text) {
    const [version] = /^[345](?= )/.exec(text) ?? [];
    return version === undefined ? undefined : new MqttSpeaker(Number(version) as Version);
  },
};

class MqttSpeaker implements Speaker {
  readonly #version: Version;
  readonly #reader: PacketReader;

  constructor(version: Version) {
    this.#version = version;
    this.#reader = new PacketReader(version);
  }

  say(text: string): Buffer | undefined {
    const line = parseLine(text.replace(/^[345] /, ''));
    return line.words[0] === 'socket' ? undefined : packetOf(this.#version, line);
  }

  hear(bytes: Buffer): string[] {
    return this.#reader.read(bytes);
  }
}

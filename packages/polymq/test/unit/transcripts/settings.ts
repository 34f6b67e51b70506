/** Settings that stand in a transcript, of one section: `# amqp.heartbeatS=10`. Of them `vhosts` is a list, and the others are numbers. */
export function settingsOf(
  transcript: string,
  section: 'amqp' | 'stomp' | 'mqtt',
): Record<string, unknown> {
  const settings: Record<string, unknown> = {};
  for (const [, where, name, value] of transcript.matchAll(/^# (\w+)\.(\w+)=(\S+)$/gm)) {
    if (where === section) settings[name!] = name === 'vhosts' ? value!.split(',') : Number(value);
  }
  return settings;
}

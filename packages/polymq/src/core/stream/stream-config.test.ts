import { describe, expect, it } from 'vitest';
import {
  formatStreamConfigValue,
  isStreamConfigName,
  parseStreamConfigValue,
  resolveStreamConfig,
  STREAM_CONFIG_DEFAULTS,
  STREAM_CONFIG_NAMES,
} from './stream-config.ts';

describe('stream settings', () => {
  it('read back what they format', () => {
    for (const name of STREAM_CONFIG_NAMES) {
      const text = formatStreamConfigValue(STREAM_CONFIG_DEFAULTS[name]);
      expect(parseStreamConfigValue(name, text)).toBe(STREAM_CONFIG_DEFAULTS[name]);
    }
  });

  it.each([
    ['retentionMs', '-2'],
    ['retentionMs', ''],
    ['retentionMs', '1e3'],
    ['retentionMs', '5 minutes'],
    ['segmentBytes', '1023'],
    ['segmentBytes', '2147483648'],
    ['timestampType', 'CreateTime'],
    ['durability', ''],
  ] as const)('refuse %s = "%s"', (name, text) => {
    expect(() => parseStreamConfigValue(name, text)).toThrow(
      expect.objectContaining({ code: 'invalid-config' }),
    );
  });

  it('take the largest 64-bit number as "no limit"', () => {
    expect(parseStreamConfigValue('timestampBehindMsMax', '9223372036854775807')).toBe(
      Number.MAX_SAFE_INTEGER,
    );
  });

  it('are not fooled by names that every object has', () => {
    expect(isStreamConfigName('constructor')).toBe(false);
    const overrides = new Map([['toString' as 'durability', 'x']]);
    expect(() => resolveStreamConfig(STREAM_CONFIG_DEFAULTS, overrides)).toThrow(
      /no stream setting/,
    );
  });

  it('put overrides over defaults', () => {
    const defaults = { ...STREAM_CONFIG_DEFAULTS, retentionMs: 5 };
    const config = resolveStreamConfig(defaults, new Map([['segmentMs', '7']]));
    expect([config.retentionMs, config.segmentMs, config.durability]).toEqual([5, 7, 'fsync']);
  });
});

/** The settings of WebSocket listeners, rows of the table in `settings.ts`. */
import type { SettingsOf } from './setting.ts';

export interface WebSocketConfig {
  origins: readonly string[];
}

export const websocket: SettingsOf<WebSocketConfig> = {
  origins: {
    kind: 'list',
    default: [],
    placeholder: 'ORIGIN',
    check: (text) =>
      /^(\*|null|[a-z][a-z0-9+.-]*:\/\/[^/\s,]+)$/i.test(text)
        ? undefined
        : 'must look like https://app.example, or be *',
    doc: 'Web pages that may connect to WebSocket listeners, such as `https://app.example`; `*` is all. Pages of this machine may connect anyway where only this machine can; programs always may.',
  },
};

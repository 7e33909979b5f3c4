/* Choices of this device (language, theme, sounds), and the account's own settings, which go to all its devices. */
import type { Engine } from '../core/types.ts';
import type { Keep } from './clock.ts';

export type Theme = 'auto' | 'light' | 'dark';
export type LanguageChoice = 'auto' | 'en' | 'ru';

const CHOICES = { theme: ['auto', 'light', 'dark'], language: ['auto', 'en', 'ru'], sounds: ['on', 'off'], notices: ['off', 'on'] };

export class Settings {
  theme = $state<Theme>('auto');
  language = $state<LanguageChoice>('auto');
  sounds = $state(true);
  notices = $state(false);
  #account = $state.raw<Record<string, string>>({});
  readonly #keep: Keep;
  readonly #engine: Engine;

  constructor(engine: Engine, keep: Keep) {
    const read = (key: keyof typeof CHOICES): string => {
      const value = keep.get(key);
      return value !== undefined && CHOICES[key].includes(value) ? value : CHOICES[key][0]!;
    };
    this.#engine = engine;
    this.#keep = keep;
    this.theme = read('theme') as Theme;
    this.language = read('language') as LanguageChoice;
    this.sounds = read('sounds') === 'on';
    this.notices = read('notices') === 'on';
  }

  choose(key: keyof typeof CHOICES, value: string): void {
    this.#keep.set(key, value);
    if (key === 'theme') this.theme = value as Theme;
    else if (key === 'language') this.language = value as LanguageChoice;
    else if (key === 'sounds') this.sounds = value === 'on';
    else this.notices = value === 'on';
  }

  replace(account: Record<string, string>): void {
    this.#account = account;
  }

  put(key: string, value: string): void {
    this.#account = { ...this.#account, [key]: value };
  }

  /** rules/setting.h: 'hidden' and 'receipts-off' are switched on by any value. */
  isOn(key: 'hidden' | 'receipts-off'): boolean {
    return (this.#account[key] ?? '') !== '';
  }

  async set(key: 'hidden' | 'receipts-off', on: boolean): Promise<void> {
    const before = this.#account[key] ?? '';
    this.put(key, on ? 'yes' : '');
    try {
      await this.#engine.set(key, on ? 'yes' : '');
    } catch (error) {
      this.put(key, before);
      throw error;
    }
  }
}

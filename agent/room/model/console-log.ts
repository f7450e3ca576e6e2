/**
 * What did a guest print? The end of its console, as xenconsoled logs it.
 */

/** Characters kept per guest; xenconsoled's own log grows without limit, ours does not. */
const CONSOLE_CHARS_MAX = 64 * 1024;

/** A domain's console: the newest CONSOLE_CHARS_MAX characters at least, twice as many at most. */
export class ConsoleLog {
  #text = '';

  print(line: string): void {
    this.#text += `${line}\n`;
    if (this.#text.length > 2 * CONSOLE_CHARS_MAX) this.#text = this.#text.slice(-CONSOLE_CHARS_MAX);
  }

  get text(): string {
    return this.#text;
  }
}

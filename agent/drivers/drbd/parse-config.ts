/**
 * What does a resource file of ours say? The configuration read back, so that what was generated can be compared with
 * what was meant before DRBD ever sees it (SAFETY.md 7, "Command injection").
 *
 * Reads the part of drbd.conf's grammar that build-config writes, and refuses everything else.
 */
import { ClusterError } from '../../../shared/errors.ts';

/** One resource file. Options by section, as texts. */
export interface ParsedDrbdConfig {
  readonly resource: string;
  readonly sections: Readonly<Record<'net' | 'disk' | 'options' | 'handlers', ReadonlyMap<string, string>>>;
  readonly hosts: readonly { readonly host: string; readonly device: string; readonly disk: string; readonly address: string }[];
}

const TOKEN = /\s*(?:([{};])|"([A-Za-z0-9_ ./+=-]*)"|([A-Za-z0-9_./:+=-]+))/y;

function broken(what: string): ClusterError {
  return new ClusterError('DrbdConfigUnreadable', `a generated DRBD configuration cannot be read back: ${what}`, { retryable: false });
}

/** Marks as themselves; words and quoted texts behind an apostrophe, so that a quoted brace is no brace. */
function tokens(text: string): readonly string[] {
  const found: string[] = [];
  let at = 0;
  const end = text.trimEnd().length;
  while (at < end) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (match === null) throw broken(`unexpected character at ${at}`);
    found.push(match[1] ?? `'${match[2] ?? match[3] ?? ''}`);
    at = TOKEN.lastIndex;
  }
  return found;
}

/** Throws ClusterError `DrbdConfigUnreadable`. */
export function parseDrbdConfig(text: string): ParsedDrbdConfig {
  const list = tokens(text);
  let at = 0;
  const word = (): string => {
    const token = list[at];
    at += 1;
    if (token?.startsWith("'") !== true) throw broken(`a word expected, not ${token ?? 'the end'}`);
    return token.slice(1);
  };
  const mark = (wanted: string): void => {
    if (list[at] !== wanted) throw broken(`${wanted} expected`);
    at += 1;
  };
  const statements = (): ReadonlyMap<string, string> => {
    const options = new Map<string, string>();
    mark('{');
    while (list[at] !== '}') {
      const key = word();
      if (options.has(key)) throw broken(`${key} is given twice`);
      const values: string[] = [];
      while (list[at] !== ';') values.push(word());
      mark(';');
      options.set(key, values.join(' '));
    }
    mark('}');
    return options;
  };
  if (word() !== 'resource') throw broken('a resource expected');
  const resource = word();
  mark('{');
  const sections: Record<string, ReadonlyMap<string, string>> = {};
  const hosts: ParsedDrbdConfig['hosts'][number][] = [];
  while (list[at] !== '}') {
    const section = word();
    if (section === 'on') {
      const host = word();
      const options = statements();
      hosts.push({ host, device: options.get('device') ?? '', disk: options.get('disk') ?? '', address: options.get('address') ?? '' });
    } else if (['net', 'disk', 'options', 'handlers'].includes(section) && sections[section] === undefined) sections[section] = statements();
    else throw broken(`section ${section} is unknown or there twice`);
  }
  mark('}');
  if (at !== list.length) throw broken('something follows the resource');
  const sectionOf = (name: string): ReadonlyMap<string, string> => sections[name] ?? new Map<string, string>();
  return { resource, hosts, sections: { net: sectionOf('net'), disk: sectionOf('disk'), options: sectionOf('options'), handlers: sectionOf('handlers') } };
}

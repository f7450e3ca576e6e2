/**
 * What does a drbd.conf say? The grammar of drbd-utils (sections, statements, quoted strings, comments), and from it
 * what this node needs to know of one resource.
 */
import { ClusterError } from '../../../../shared/errors.ts';

/** A statement: its words, and for a section what is inside. */
interface Statement {
  readonly words: readonly string[];
  readonly body: readonly Statement[] | null;
  readonly line: number;
}

interface Token {
  readonly text: string;
  readonly isQuoted: boolean;
  readonly line: number;
}

/** A resource as one host sees it. */
export interface ResourceConfig {
  readonly name: string;
  readonly file: string;
  readonly minor: number;
  readonly diskPath: string;
  readonly metaDisk: string;
  readonly local: HostConfig;
  /** Null: no other host is named. */
  readonly peer: HostConfig | null;
  readonly net: ReadonlyMap<string, string>;
  readonly disk: ReadonlyMap<string, string>;
  readonly options: ReadonlyMap<string, string>;
  readonly handlers: ReadonlyMap<string, string>;
}

export interface HostConfig {
  readonly host: string;
  /** `ipv4:10.0.0.1:7700`, as drbdsetup takes it. */
  readonly address: string;
}

function configError(file: string, line: number, what: string): ClusterError {
  return new ClusterError('DrbdConfigInvalid', `${file}:${line}: ${what}`, { retryable: false });
}

function tokenize(text: string, file: string): Token[] {
  const tokens: Token[] = [];
  const pattern = /([ \t\r]+)|(\n)|(#[^\n]*)|([{};])|"((?:[^"\\\n]|\\.)*)"|([^\s{};"#]+)|(.)/gy;
  let line = 1;
  for (const match of text.matchAll(pattern)) {
    const [, , newline, , mark, quoted, word, stray] = match;
    if (newline !== undefined) line += 1;
    else if (mark !== undefined) tokens.push({ text: mark, isQuoted: false, line });
    else if (quoted !== undefined) tokens.push({ text: quoted.replaceAll(/\\(.)/g, '$1'), isQuoted: true, line });
    else if (word !== undefined) tokens.push({ text: word, isQuoted: false, line });
    else if (stray !== undefined) throw configError(file, line, `Parse error: unexpected character '${stray}'`);
  }
  return tokens;
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #file: string;
  #at = 0;

  constructor(text: string, file: string) {
    this.#tokens = tokenize(text, file);
    this.#file = file;
  }

  statements(isInside: boolean): Statement[] {
    const statements: Statement[] = [];
    for (;;) {
      const token = this.#tokens[this.#at];
      if (token === undefined) {
        if (isInside) throw configError(this.#file, this.#tokens.at(-1)?.line ?? 1, "Parse error: '}' expected, but got end of file");
        return statements;
      }
      if (isMark(token, '}')) {
        if (!isInside) throw configError(this.#file, token.line, "Parse error: unexpected '}'");
        this.#at += 1;
        return statements;
      }
      statements.push(this.#statement());
    }
  }

  #statement(): Statement {
    const words: string[] = [];
    const line = this.#tokens[this.#at]?.line ?? 1;
    for (;;) {
      const token = this.#tokens[this.#at];
      this.#at += 1;
      if (token === undefined || isMark(token, '}')) throw configError(this.#file, token?.line ?? line, "Parse error: ';' expected");
      if (isMark(token, ';') || isMark(token, '{')) {
        if (words.length === 0) throw configError(this.#file, token.line, `Parse error: unexpected '${token.text}'`);
        return { words, body: isMark(token, '{') ? this.statements(true) : null, line };
      }
      words.push(token.text);
    }
  }
}

const isMark = (token: Token, mark: string): boolean => !token.isQuoted && token.text === mark;

/** The resources that a file defines for `host`. Throws ClusterError `DrbdConfigInvalid`. */
export function parseDrbdConf(text: string, file: string, host: string): readonly ResourceConfig[] {
  const top = new Parser(text, file).statements(false);
  const common = top.find((statement) => statement.words[0] === 'common')?.body ?? [];
  const resources: ResourceConfig[] = [];
  for (const statement of top) {
    const [keyword, name] = statement.words;
    if (keyword === 'global' || keyword === 'common') continue;
    if (keyword !== 'resource' || name === undefined || statement.body === null) {
      throw configError(file, statement.line, `Parse error: 'global | common | resource' expected, but got '${keyword ?? ''}'`);
    }
    const resource = resourceOf(name, file, [...common, ...statement.body], host, statement.line);
    if (resource !== null) resources.push(resource);
  }
  return resources;
}

function sectionOptions(body: readonly Statement[], section: string, file: string): ReadonlyMap<string, string> {
  const options = new Map<string, string>();
  for (const statement of body) {
    if (statement.words[0] !== section || statement.body === null) continue;
    for (const option of statement.body) {
      const [key, ...values] = option.words;
      if (key === undefined || option.body !== null) throw configError(file, option.line, 'Parse error: an option name expected');
      options.set(key, values.length === 0 ? 'yes' : values.join(' '));
    }
  }
  return options;
}

function value(bodies: readonly (readonly Statement[])[], key: string): readonly string[] | null {
  for (const body of bodies) {
    const found = body.find((statement) => statement.words[0] === key && statement.body === null);
    if (found !== undefined) return found.words.slice(1);
  }
  return null;
}

function resourceOf(name: string, file: string, body: readonly Statement[], host: string, line: number): ResourceConfig | null {
  const hosts = body.filter((statement) => statement.words[0] === 'on' && statement.body !== null);
  const own = hosts.find((statement) => statement.words.slice(1).includes(host));
  if (own === undefined) return null;
  const other = hosts.find((statement) => statement !== own);
  const volume = (statements: readonly Statement[]): readonly Statement[] => statements.find((one) => one.words[0] === 'volume' && one.body !== null)?.body ?? [];
  const ownBody = own.body ?? [];
  const bodies = [volume(ownBody), ownBody, volume(body), body];
  const device = value(bodies, 'device');
  const disk = value(bodies, 'disk');
  const metaDisk = value(bodies, 'meta-disk');
  const minor = minorOf(device);
  if (minor === null || disk?.[0] === undefined || metaDisk?.[0] === undefined) {
    throw configError(file, line, `in resource ${name}, on ${host} { ... }: 'device', 'disk' and 'meta-disk' must be given`);
  }
  if (metaDisk[0] !== 'internal') throw configError(file, line, `in resource ${name}: only internal meta data is modelled`);
  return {
    name, file, minor, diskPath: disk[0], metaDisk: metaDisk[0],
    local: hostOf(own, file), peer: other === undefined ? null : hostOf(other, file),
    net: sectionOptions(body, 'net', file), disk: sectionOptions(body, 'disk', file), options: sectionOptions(body, 'options', file),
    handlers: sectionOptions(body, 'handlers', file),
  };
}

function minorOf(device: readonly string[] | null): number | null {
  if (device === null) return null;
  const at = device.indexOf('minor');
  const text = at >= 0 ? device[at + 1] : /^\/dev\/drbd(\d+)$/.exec(device[0] ?? '')?.[1];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}

function hostOf(statement: Statement, file: string): HostConfig {
  const address = value([statement.body ?? []], 'address');
  const [family, endpoint] = address?.length === 2 ? [address[0], address[1]] : ['ipv4', address?.[0]];
  if (endpoint === undefined || family === undefined || !/:\d+$/.test(endpoint)) {
    throw configError(file, statement.line, `in 'on ${statement.words[1] ?? ''}': 'address' expected`);
  }
  return { host: statement.words[1] ?? '', address: `${family}:${endpoint}` };
}

/**
 * How does xl read a domain's configuration file? Assignments of strings, numbers and lists, as xlu_cfg does.
 *
 * Like xl, it ignores keys that it does not know, and only warns of a number that is none (LAB.md: `memory="lots"`
 * starts the guest with 128 MB).
 */

/** One disk of a domain. */
export interface DiskSpec {
  readonly target: string;
  readonly vdev: string;
  readonly isReadWrite: boolean;
}

/** One network interface of a domain. */
export interface NicSpec {
  readonly mac: string;
  readonly bridge: string;
}

/** What a configuration file asks for, as far as the room models it. */
export interface DomainSpec {
  readonly name: string;
  readonly uuid: string | null;
  readonly type: string;
  readonly kernel: string;
  readonly ramdisk: string;
  readonly bootloader: string;
  readonly commandLine: string;
  readonly memoryMiB: number;
  readonly memoryMiBMax: number;
  readonly vcpus: number;
  readonly vcpusMax: number;
  readonly disks: readonly DiskSpec[];
  readonly nics: readonly NicSpec[];
  readonly onPoweroff: string;
  readonly onReboot: string;
  readonly onCrash: string;
}

type Value = string | readonly string[];

/** Reads a file's text. `error` is what xl prints; the file's name is `path`. */
export function readDomainConfig(path: string, text: string): { readonly spec: DomainSpec; readonly warnings: string } | { readonly error: string } {
  const values = readAssignments(text);
  if (!(values instanceof Map)) {
    return { error: `${path}:${values.line}: config parsing error near \`${values.near}': syntax error${values.detail}\nFailed to parse config: Invalid argument\n` };
  }
  let warnings = '';
  const string = (key: string, fallback = ''): string => {
    const value = values.get(key);
    return typeof value === 'string' ? value : fallback;
  };
  const number = (key: string, fallback: number): number => {
    const value = string(key);
    if (value === '') return fallback;
    if (/^\d+$/.test(value)) return Number(value);
    warnings += `${path}: warning: parameter \`${key}' is not a valid number\n`;
    return fallback;
  };
  const list = (key: string): readonly string[] => {
    const value = values.get(key);
    return value === undefined ? [] : typeof value === 'string' ? [value] : value;
  };
  if (string('name') === '') return { error: 'Domain name must be specified.\n' };
  const disks: DiskSpec[] = [];
  for (const line of list('disk')) {
    const disk = readDisk(line);
    if (disk === null) return { error: `${path}: config parsing error in disk specification: unknown value \`${line}'\n` };
    disks.push(disk);
  }
  const memoryMiB = number('memory', 128);
  const vcpus = number('vcpus', 1);
  const spec: DomainSpec = {
    name: string('name'), uuid: string('uuid') === '' ? null : string('uuid'), type: string('type', string('builder') === 'hvm' ? 'hvm' : 'pv'),
    kernel: string('kernel'), ramdisk: string('ramdisk'), bootloader: string('bootloader'),
    commandLine: string('cmdline', [string('root') === '' ? '' : `root=${string('root')}`, string('extra')].filter((part) => part !== '').join(' ')),
    memoryMiB, memoryMiBMax: Math.max(memoryMiB, number('maxmem', memoryMiB)), vcpus, vcpusMax: Math.max(vcpus, number('maxvcpus', vcpus)),
    disks, nics: list('vif').map(readNic),
    onPoweroff: string('on_poweroff', 'destroy'), onReboot: string('on_reboot', 'restart'), onCrash: string('on_crash', 'destroy'),
  };
  return { spec, warnings };
}

interface SyntaxError {
  readonly line: number;
  readonly near: string;
  readonly detail: string;
}

/** Tokens of the configuration language; comments and line feeds within lists are skipped. */
const TOKEN = /[ \t\r]+|#[^\n]*|"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'|([A-Za-z_][A-Za-z0-9_]*)|(-?(?:0x[0-9a-fA-F]+|\d+))|([=,;[\]\n])/y;

interface Token {
  readonly kind: 'string' | 'name' | 'number' | 'mark';
  readonly text: string;
  readonly line: number;
}

function tokens(text: string): readonly Token[] | SyntaxError {
  const found: Token[] = [];
  let line = 1;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) return { line, near: text.slice(at, at + 1), detail: ', unexpected invalid token' };
    const quoted = match[1] ?? match[2];
    if (quoted !== undefined) found.push({ kind: 'string', text: quoted.replace(/\\(.)/g, '$1'), line });
    else if (match[3] !== undefined) found.push({ kind: 'name', text: match[3], line });
    else if (match[4] !== undefined) found.push({ kind: 'number', text: match[4], line });
    else if (match[5] !== undefined) found.push({ kind: 'mark', text: match[5], line });
    if (match[0] === '\n') line += 1;
  }
  found.push({ kind: 'mark', text: '', line });
  return found;
}

function readAssignments(text: string): Map<string, Value> | SyntaxError {
  const all = tokens(text);
  if (!('length' in all)) return all;
  const values = new Map<string, Value>();
  let at = 0;
  const next = (): Token => all[at++] ?? { kind: 'mark', text: '', line: 0 };
  const error = (token: Token, expecting: string): SyntaxError => ({ line: token.line, near: token.text.trim(), detail: `, unexpected ${token.text === '' ? '$end' : token.kind}, expecting ${expecting}` });
  for (let token = next(); token.text !== '' || token.kind === 'string'; token = next()) {
    if (token.kind === 'mark' && (token.text === '\n' || token.text === ';')) continue;
    if (token.kind !== 'name') return error(token, 'IDENT');
    const equals = next();
    if (equals.text !== '=') return error(equals, "'='");
    const first = next();
    if (first.kind === 'string' || first.kind === 'number') {
      values.set(token.text, first.text);
    } else if (first.text === '[') {
      const items: string[] = [];
      for (let item = next(); item.text !== ']' || item.kind === 'string'; item = next()) {
        if (item.kind === 'mark' && (item.text === ',' || item.text === '\n')) continue;
        if (item.kind === 'mark' || item.kind === 'name') return error(item, "']'");
        items.push(item.text);
      }
      values.set(token.text, items);
    } else {
      return error(first, "STRING or NUMBER or '['");
    }
    const end = next();
    if (end.kind !== 'mark' || (end.text !== '\n' && end.text !== ';' && end.text !== '')) return error(end, "NEWLINE or ';'");
    if (end.text === '') break;
  }
  return values;
}

/** xl-disk-configuration(5): positional `target, format, vdev, access`, named parameters, and the old `phy:` prefix. */
function readDisk(text: string): DiskSpec | null {
  const names = ['target', 'format', 'vdev', 'access'];
  const found: Record<string, string> = {};
  let isOld = false;
  for (let [at, rest] = [0, text]; rest !== ''; ) {
    const named = /^\s*([a-z-]+)=/.exec(rest);
    if (named?.[1] === 'target') {
      found['target'] = rest.slice(named[0].length);
      break;
    }
    const comma = rest.indexOf(',');
    const part = (comma < 0 ? rest : rest.slice(0, comma)).trim();
    rest = comma < 0 ? '' : rest.slice(comma + 1);
    if (named?.[1] !== undefined) {
      found[named[1]] = part.slice(part.indexOf('=') + 1);
      continue;
    }
    if (at === 0 && part.startsWith('phy:')) isOld = true;
    const position = isOld ? ['target', 'vdev', 'access'][at] : names[at];
    if (position === undefined) return null;
    found[position] = at === 0 && isOld ? part.slice('phy:'.length) : part;
    at += 1;
  }
  const access = found['access'] ?? 'w';
  if (!['w', 'rw', 'r', 'ro'].includes(access) || found['target'] === undefined || !/^(xvd|hd|sd)[a-z]+\d*$/.test(found['vdev'] ?? '')) return null;
  if (found['format'] !== undefined && found['format'] !== '' && found['format'] !== 'raw') return null;
  return { target: found['target'], vdev: found['vdev'] ?? '', isReadWrite: access === 'w' || access === 'rw' };
}

function readNic(text: string): NicSpec {
  const parts = new Map(text.split(',').map((part) => [part.slice(0, part.indexOf('=')).trim(), part.slice(part.indexOf('=') + 1).trim()]));
  return { mac: parts.get('mac') ?? '00:16:3e:00:00:00', bridge: parts.get('bridge') ?? 'xenbr0' };
}

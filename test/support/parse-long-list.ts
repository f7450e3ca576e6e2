/**
 * What does `xl list -l` say? Its JSON. The agent has no need of it; tests hold the room's output to that of the real program.
 */

/** One domain of `xl list -l`. */
export interface DetailedDomain {
  readonly domainId: number;
  readonly name: string;
  readonly uuid: string | null;
  readonly kind: string;
  readonly memoryMiB: number;
  readonly memoryMiBMax: number;
  readonly diskPaths: readonly string[];
  readonly macAddresses: readonly string[];
}

/** Reads `xl list -l`, the control domain included (zombies are not in it). Throws when it is something else. */
export function parseLongList(text: string): readonly DetailedDomain[] {
  const list = parseJson(text);
  if (!Array.isArray(list)) throw unreadable('xl list -l', text);
  return (list as unknown[]).map((item) => {
    const config = field(item, 'config');
    const created = field(config, 'c_info');
    const built = field(config, 'b_info');
    const domainId = field(item, 'domid');
    const name = field(created, 'name');
    if (typeof domainId !== 'number' || typeof name !== 'string') throw unreadable('xl list -l', JSON.stringify(item));
    const uuid = field(created, 'uuid');
    return {
      domainId, name, uuid: typeof uuid === 'string' ? uuid : null, kind: String(field(created, 'type')),
      memoryMiB: Math.round(Number(field(built, 'target_memkb') ?? 0) / 1024), memoryMiBMax: Math.round(Number(field(built, 'max_memkb') ?? 0) / 1024),
      diskPaths: texts(field(config, 'disks'), 'pdev_path'), macAddresses: texts(field(config, 'nics'), 'mac'),
    };
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

function texts(list: unknown, name: string): readonly string[] {
  if (!Array.isArray(list)) return [];
  return (list as unknown[]).map((item) => field(item, name)).filter((text) => typeof text === 'string');
}

function unreadable(program: string, text: string): Error {
  return new Error(`${program} printed what nobody expected: ${JSON.stringify(text.slice(0, 120))}`);
}

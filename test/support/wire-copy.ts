/**
 * What arrives of a message? What JSON leaves of it, made once and frozen, so that all who hear it may share it.
 *
 * A copy that is sent on is not copied again: an entry of the ledger passes through many hands. It is known by being frozen, which nothing
 * else is that is sent; a set of them costs three times as much as all the copying.
 */

/** What `JSON.parse(JSON.stringify(value))` gives, deeply frozen. Undefined stays undefined. */
export function wireCopy(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value + 0 : null;
    case 'object':
      return value === null || Object.isFrozen(value) ? value : copyOf(value);
    case 'bigint':
      throw new TypeError('a bigint is not sent');
    default:
      return undefined;
  }
}

function copyOf(value: object): unknown {
  if ('toJSON' in value && typeof value.toJSON === 'function') return wireCopy((value.toJSON as () => unknown)());
  return Object.freeze(Array.isArray(value) ? listOf(value) : recordOf(value));
}

function listOf(value: readonly unknown[]): object {
  const copy: unknown[] = [];
  for (const item of value) copy.push(wireCopy(item) ?? null);
  return copy;
}

function recordOf(value: object): object {
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const item = wireCopy((value as Readonly<Record<string, unknown>>)[key]);
    if (item !== undefined) copy[key] = item;
  }
  return copy;
}

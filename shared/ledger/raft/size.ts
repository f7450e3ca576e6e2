/**
 * About how many bytes is a value on the wire? Limits on memory and messages need a size that is cheap and the same
 * on every run, not an exact one: this walks a JSON value without encoding it.
 */

/** What an entry costs beside its data: version, index, term, kind and their names. */
export const ENTRY_OVERHEAD_BYTES = 64;

/** Estimated JSON size. Strings count one byte per UTF-16 unit; characters that need escapes or more bytes cost more. */
export function jsonSizeBytes(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return value.length + 2;
    case 'number':
      return 8;
    case 'boolean':
      return 5;
    case 'object':
      return value === null ? 4 : objectSizeBytes(value);
    default:
      return 0;
  }
}

function objectSizeBytes(value: object): number {
  let sizeBytes = 2;
  if (Array.isArray(value)) {
    for (const item of value) sizeBytes += jsonSizeBytes(item) + 1;
    return sizeBytes;
  }
  if (ArrayBuffer.isView(value)) return value.byteLength * 2;
  for (const [key, item] of Object.entries(value)) sizeBytes += key.length + 4 + jsonSizeBytes(item);
  return sizeBytes;
}

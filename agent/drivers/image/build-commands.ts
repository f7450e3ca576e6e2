/**
 * Which words write an image and check it? dd to copy and flush, cmp to read it back.
 */

/** `device` must be open for writing by nobody else: a DRBD device whose replica here is primary. */
export const buildCopy = (imagePath: string, device: string): readonly string[] => ['dd', `if=${imagePath}`, `of=${device}`, 'bs=4M', 'conv=fsync', 'status=none'];
/** Compares the first `sizeBytes` of the device with the file. */
export const buildCompare = (sizeBytes: number, imagePath: string, device: string): readonly string[] => ['cmp', '-s', '-n', String(sizeBytes), imagePath, device];
export const buildDigest = (imagePath: string): readonly string[] => ['sha256sum', imagePath];

/**
 * What does the room remember when its process is killed? A journal of every change that real hardware would have kept.
 *
 * One line per change: eight hex digits of CRC-32, a space, JSON. A change is written before anybody hears of its
 * consequences; a killed process loses at most a last line without line feed, whose change nobody heard of. Any other
 * damage stops the room, with the file untouched. (The kernel's cache outlives the process, so lines are not fsynced;
 * a rewritten journal is, before it takes the old one's place.)
 */
import { closeSync, existsSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ClusterError } from '../../shared/errors.ts';

const HEADER = { format: 'ves-room-journal', version: 1 };
/** The journal is rewritten once it is larger than this and than four times its size after the last rewriting. */
const REWRITE_BYTES_MIN = 8 * 1024 * 1024;

/** How much of a rewritten journal is written at once: one system call a line would hold the room up. */
const WRITE_CHARS = 256 * 1024;

function lineOf(record: unknown): string {
  const json = JSON.stringify(record);
  return `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`;
}

/** The journal. What is appended is on its way to the disk when `append` returns. */
export class Journal<Entry> {
  readonly #path: string;
  readonly #snapshot: () => Iterable<Entry>;
  #file: number;
  #sizeBytes: number;
  #rewriteAtBytes: number;
  #isRewriting = false;

  private constructor(path: string, snapshot: () => Iterable<Entry>, file: number, sizeBytes: number) {
    this.#path = path;
    this.#snapshot = snapshot;
    this.#file = file;
    this.#sizeBytes = sizeBytes;
    this.#rewriteAtBytes = REWRITE_BYTES_MIN;
  }

  /**
   * Opens (or makes) the journal in `directory` and reads it. `snapshot` gives everything that must be kept, for rewriting.
   *
   * @throws ClusterError `RoomJournalCorrupt` when it is damaged, `RoomJournalUnusable` when it cannot be opened.
   */
  static open<Entry>(directory: string, snapshot: () => Iterable<Entry>): { readonly journal: Journal<Entry>; readonly entries: readonly Entry[] } {
    const path = join(directory, 'journal');
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      const isNew = !existsSync(path);
      const text = isNew ? '' : readFileSync(path, 'utf8');
      const complete = text.slice(0, text.lastIndexOf('\n') + 1);
      const entries = complete === '' ? [] : readEntries<Entry>(path, complete);
      const file = openSync(path, 'a', 0o600);
      const sizeBytes = Buffer.byteLength(complete);
      if (complete.length < text.length) ftruncateSync(file, sizeBytes);
      const journal = new Journal(path, snapshot, file, sizeBytes);
      if (complete === '') journal.#write(lineOf(HEADER));
      return { journal, entries };
    } catch (thrown) {
      if (thrown instanceof ClusterError) throw thrown;
      throw new ClusterError('RoomJournalUnusable', `could not open the room's journal ${path}`, { retryable: false, cause: thrown });
    }
  }

  /** Writes one change. Throws when the disk refuses: the room must stop then, not forget. */
  append(entry: Entry): void {
    this.#write(lineOf(entry));
    if (this.#sizeBytes < this.#rewriteAtBytes || this.#isRewriting) return;
    this.#isRewriting = true;
    // Later, not now: in the midst of a change the snapshot would miss it.
    setImmediate(() => this.rewrite());
  }

  /** Replaces the journal by what must be kept now. */
  rewrite(): void {
    const fresh = `${this.#path}.new`;
    const file = openSync(fresh, 'w', 0o600);
    let text = lineOf(HEADER);
    let sizeBytes = 0;
    for (const entry of this.#snapshot()) {
      text += lineOf(entry);
      if (text.length < WRITE_CHARS) continue;
      sizeBytes += writeAll(file, text);
      text = '';
    }
    sizeBytes += writeAll(file, text);
    fsyncSync(file);
    renameSync(fresh, this.#path);
    closeSync(this.#file);
    this.#file = file;
    this.#sizeBytes = sizeBytes;
    this.#rewriteAtBytes = Math.max(REWRITE_BYTES_MIN, 4 * sizeBytes);
    this.#isRewriting = false;
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(line: string): void {
    this.#sizeBytes += writeAll(this.#file, line);
  }
}

/** Writes all of it or throws: a full disk may take a part only. Returns how many bytes that was. */
function writeAll(file: number, text: string): number {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
  return bytes.length;
}

function readEntries<Entry>(path: string, text: string): readonly Entry[] {
  const values = text.slice(0, -1).split('\n').map((line, at) => {
    const json = line.slice(9);
    if (line[8] !== ' ' || crc32(json).toString(16).padStart(8, '0') !== line.slice(0, 8)) throw corrupt(path, `line ${at + 1} does not match its checksum`);
    return JSON.parse(json) as unknown;
  });
  const [header, ...entries] = values;
  if (JSON.stringify(header) !== JSON.stringify(HEADER)) throw corrupt(path, 'it does not begin as a journal of this version does');
  return entries as Entry[];
}

function corrupt(path: string, why: string): ClusterError {
  return new ClusterError('RoomJournalCorrupt', `the room's journal ${path} is damaged: ${why}. Nothing was changed. Put back a good copy: the disks of all machines are in it`, { retryable: false });
}

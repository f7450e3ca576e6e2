/**
 * How does a bug get into a process? Its sources are changed as they are loaded, before their types are stripped.
 *
 * Preloaded (`node --import file:///.../plant.ts?bug=NAME`), so that the hook is there before the first source.
 */
import { registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { filesOf, plantIn } from './bug.ts';
import type { Bug } from './bug.ts';
import { changeNamed } from './list.ts';

const ROOT = resolve(import.meta.dirname, '../../..');

/** Changes the bug's sources from now on. What was loaded before stays as it is. */
function plant(bug: Pick<Bug, 'edits'>): void {
  const edits = new Map(filesOf(bug).map((file) => [resolve(ROOT, file), bug.edits.filter((edit) => edit.file === file)] as const));
  registerHooks({
    load: (url, context, nextLoad) => {
      const loaded = nextLoad(url, context);
      const path = url.startsWith('file:') ? fileURLToPath(url) : '';
      const changes = edits.get(path);
      if (changes === undefined) return loaded;
      const text = typeof loaded.source === 'string' ? loaded.source : Buffer.from(loaded.source as Uint8Array).toString('utf8');
      return { ...loaded, source: plantIn(path, text, changes) };
    },
  });
}

const name = new URL(import.meta.url).searchParams.get('bug');
if (name !== null) plant(changeNamed(name));

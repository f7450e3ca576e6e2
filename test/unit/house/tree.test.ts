/**
 * Is the checkout laid out as the house style says, and free of the machine it was written on?
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import { listFiles, listSources, readText, ROOT, TOP_FOLDERS } from '../../support/tree.ts';

/** Documents for people are customarily in capitals: README.md, LICENSE. */
const CAPITALS = /^[A-Z]+(\.md)?$/;
const KEBAB = /^\.?[a-z0-9]+([-.][a-z0-9]+)*$/;

function nameFault(path: string): string | undefined {
  const parts = path.split('/');
  const bad = parts.find((part) => !KEBAB.test(part) && !CAPITALS.test(part));
  return bad === undefined ? undefined : `${path}: ${bad} is not kebab-case`;
}

/** Sentences that must not be in any file; built from pieces, so that this file does not find itself. */
const FORBIDDEN: [pattern: RegExp, why: string][] = [
  [new RegExp(`(?<![\\w.-])/(?:${['work/main', 'work/shared', 'home/[a-z]', 'Users/[A-Z]'].join('|')})`), 'a path of one machine'],
  [new RegExp(['registry', '(?:npmjs|yarnpkg|npmmirror)'].join('\\.')), 'the host of a package registry'],
  [new RegExp('\\b(?:TO' + 'DO|FIX' + 'ME)\\b'), 'an unfinished thought'],
];

function textFaults(path: string, text: string): string[] {
  return text.split('\n').flatMap((line, index) => {
    const found = FORBIDDEN.find(([pattern]) => pattern.test(line));
    return found === undefined ? [] : [`${path}:${index + 1}: holds ${found[1]}`];
  });
}

function isText(path: string): boolean {
  return /\.(ts|mjs|js|json|md|sh|yml|yaml|css|html|conf|cfg|ipxe|txt)$/.test(path) || !posix.basename(path).slice(1).includes('.');
}

function sourceFault(path: string, text: string): string | undefined {
  if (!text.replace(/^#!.*\n/, '').startsWith('/**')) return `${path}: does not open by saying which question it answers`;
  if (/^export \* from/m.test(text)) return `${path}: is a barrel (export * from)`;
  return undefined;
}

const tree = suite('the checkout');

tree('has a DESIGN.md in each top folder', () => {
  const missing = TOP_FOLDERS.filter((folder) => !existsSync(join(ROOT, folder, 'DESIGN.md')));
  assert.equal(missing, []);
});

tree('has no other top folders', () => {
  const folders = listFiles().flatMap((path) => (path.includes('/') ? [path.split('/', 1)[0]] : []));
  const visible = [...new Set(folders)].filter((folder) => !folder?.startsWith('.'));
  assert.equal(visible.toSorted((a = '', b = '') => a.localeCompare(b)), TOP_FOLDERS);
});

tree('names files and folders in kebab-case', () => {
  const faults = listFiles().filter((path) => !path.startsWith('test/fixtures/')).flatMap((path) => nameFault(path) ?? []);
  assert.is(faults.join('\n'), '');
});

tree('holds no path of one machine, no registry host, nothing unfinished', () => {
  const paths = listFiles().filter((path) => isText(path) && !path.startsWith('test/fixtures/'));
  const faults = paths.flatMap((path) => textFaults(path, readText(path)));
  assert.is(faults.join('\n'), '');
});

tree('pins packages by version and checksum, not by where they came from', () => {
  assert.not.match(readText('package-lock.json'), '"resolved"');
  const manifest: Record<string, Record<string, string>> = JSON.parse(readText('package.json'));
  const wanted = { ...manifest['dependencies'], ...manifest['devDependencies'], ...manifest['optionalDependencies'] };
  const loose = Object.entries(wanted).filter(([, version]) => !/^(npm:[@\w/-]+@)?\d+\.\d+\.\d+$/.test(version));
  assert.equal(loose, []);
});

tree('opens every source file with its question, and has no barrels', () => {
  const sources = listSources().filter((path) => !path.startsWith('test/') || path.startsWith('test/support/'));
  const faults = sources.flatMap((path) => sourceFault(path, readText(path)) ?? []);
  assert.is(faults.join('\n'), '');
});

tree.run();

const planted = suite('a planted fault');

planted('in a name is found', () => {
  assert.match(nameFault('shared/model/nodeState.ts') ?? '', 'nodeState.ts is not kebab-case');
  assert.match(nameFault('shared/Model/node.ts') ?? '', 'Model is not kebab-case');
  assert.is(nameFault('agent/drivers/drbd/parse-status.test.ts'), undefined);
  assert.is(nameFault('.ci/run'), undefined);
});

planted('in a text is found', () => {
  assert.equal(textFaults('a.ts', `x\nconst root = '/${'home'}/ada/ves';\n`), ['a.ts:2: holds a path of one machine']);
  assert.equal(textFaults('a.json', `https://registry.${'npmjs'}.org/x`), ['a.json:1: holds the host of a package registry']);
  assert.equal(textFaults('a.ts', `// TO${'DO'}: later`), ['a.ts:1: holds an unfinished thought']);
});

planted('in a source is found', () => {
  assert.match(sourceFault('a.ts', `import x from 'y';\n`) ?? '', 'does not open');
  assert.match(sourceFault('a.ts', `/** Which? */\nexport * from './b.ts';\n`) ?? '', 'is a barrel');
  assert.is(sourceFault('a.mjs', `#!/usr/bin/env node\n/** Which? */\n`), undefined);
});

planted.run();

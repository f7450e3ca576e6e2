import { readdirSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import { playFact, readFacts } from './etcd-facts.ts';

const folder = new URL('etcd-facts/', import.meta.url);

for (const file of readdirSync(folder).filter((name) => name.endsWith('.txt'))) {
  const facts = suite(`raft, as to ${file.replace('.txt', '')}`);
  for (const fact of readFacts(readFileSync(new URL(file, folder), 'utf8'))) facts(`shows that ${fact.name}`, () => playFact(fact));
  facts.run();
}

/** The outputs that docs/cli.md shows: how each is made, and what of it differs from run to run. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const page = join(fileURLToPath(new URL('../../../../', import.meta.url)), 'docs/cli.md')

/** The recorded blocks of the page by the command that made them: code blocks that begin with `$ kms-encrypted`. */
export async function readRecordings(): Promise<ReadonlyMap<string, string>> {
  const text = await readFile(page, 'utf8')
  return new Map([...text.matchAll(recorded)].map(([, line = '', output = '']) => [line, output]))
}

/** Replaces the recorded blocks of the page. */
export async function writeRecordings(outputs: ReadonlyMap<string, string>): Promise<void> {
  const text = await readFile(page, 'utf8')
  const updated = text.replaceAll(recorded, (block: string, line: string) => {
    const output = outputs.get(line)
    return output === undefined ? block : `\`\`\`text\n$ kms-encrypted ${line}\n${output}\`\`\`\n`
  })
  await writeFile(page, updated)
}

const recorded = /^```text\n\$ kms-encrypted (.+)\n([\s\S]*?)```\n/gm

/** Takes out what depends on the day and the machine. */
export function normalise(screen: string): string {
  const lines = screen
    .replaceAll(/v\d+\.\d+\.\d+/g, 'v20.19.0')
    .replaceAll(/[\d,]+ rows\/s/g, '1,000 rows/s')
    .replaceAll(/\bin \d+ (s|min)\b/g, 'in 1 s')
    .split('\n')
  return `${lines
    .map((line) => line.trimEnd())
    .join('\n')
    .replace(/^\n+/, '')}\n`
}

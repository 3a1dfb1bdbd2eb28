/** Turns the Markdown pages of the repository into what the tests of the documentation check. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Root of the repository. */
export const root = fileURLToPath(new URL('../../../../', import.meta.url))

/** A fenced code block. */
export interface CodeBlock {
  readonly language: string
  readonly text: string
  /** Line of its first line of code, from 1. */
  readonly line: number
}

/** One Markdown file. */
export interface Page {
  /** From the root of the repository. */
  readonly path: string
  readonly text: string
  readonly blocks: readonly CodeBlock[]
  /** What is left without the code blocks, line by line. */
  readonly prose: readonly string[]
  readonly headings: readonly string[]
}

/** The paths of all pages that this repository documents itself with. */
export function listPages(): readonly string[] {
  const guides = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))
  return [
    'README.md',
    'CHANGELOG.md',
    'SECURITY.md',
    'packages/prisma-kms-encrypted/README.md',
    ...readdirSync(join(root, 'examples')).map((name) => `examples/${name}/README.md`),
    ...guides.map((name) => `docs/${name}`),
  ]
}

/** Reads a page. Fences may be indented, as in lists; headings stand at the beginning of their lines. */
export function readPage(path: string): Page {
  const text = readFileSync(join(root, path), 'utf8')
  const blocks: CodeBlock[] = []
  const prose: string[] = []
  let open: { language: string; indent: number; line: number; lines: string[] } | null = null
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^( *)```(\w*)/.exec(line)
    if (open && fence) {
      blocks.push({ language: open.language, text: open.lines.join('\n') + '\n', line: open.line })
      open = null
    } else if (open) open.lines.push(line.slice(open.indent))
    else if (fence)
      open = { language: fence[2] ?? '', indent: fence[1]?.length ?? 0, line: index + 2, lines: [] }
    else prose.push(line)
  }
  if (open) throw new Error(`${path}: the code block at line ${open.line} is not closed`)
  const headings = prose.flatMap((line) => /^#+ (.+)$/.exec(line)?.[1] ?? [])
  return { path, text, blocks, prose, headings }
}

/** The fragment that a link to a heading uses, as GitHub makes it. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-')
}

/** Targets of the inline links of a page, images included. */
export function linksOf(page: Page): readonly string[] {
  const withoutCode = page.prose.join('\n').replace(/`[^`\n]*`/g, '')
  return [...withoutCode.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
}

/** What stands in backticks in running text and headings. */
export function inlineCode(page: Page): readonly string[] {
  return [...page.prose.join('\n').matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code)
}

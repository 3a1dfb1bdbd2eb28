/** Splits the text of a Prisma schema into lines of code and comments, as far as comments need it. */

/** One comment: `doc` (`///` and block comments) reaches the DMMF where Prisma attaches it, `plain` (`//`) never does. */
export interface SchemaComment {
  readonly kind: 'doc' | 'plain'
  readonly text: string
}

/** One line of the schema; a block comment over several lines belongs to the line that it begins on. */
export interface SchemaLine {
  /** What is not comment, trimmed; empty on a line of comments or a blank line. */
  readonly code: string
  readonly comments: readonly SchemaComment[]
}

/** Splits `text`. String literals (`"https://…"`) are code, whatever they hold. */
export function splitSchema(text: string): readonly SchemaLine[] {
  const lines: SchemaLine[] = []
  let code = ''
  let comments: SchemaComment[] = []
  let at = 0
  while (at < text.length) {
    const end = findTokenEnd(text, at)
    const token = text.slice(at, end)
    at = end
    if (token === '\n') {
      lines.push({ code: code.trim(), comments })
      code = ''
      comments = []
    } else if (token.startsWith('///')) comments.push({ kind: 'doc', text: token.slice(3) })
    else if (token.startsWith('//')) comments.push({ kind: 'plain', text: token.slice(2) })
    else if (token.startsWith('/*')) comments.push({ kind: 'doc', text: token.slice(2).replace(/\*\/$/, '') })
    else code += token
  }
  return [...lines, { code: code.trim(), comments }]
}

/** End of the token that begins at `at`: a line break, comment, string literal or any other single character. */
function findTokenEnd(text: string, at: number): number {
  if (text.startsWith('//', at)) return findEnd(text, '\n', at)
  if (text.startsWith('/*', at)) {
    const close = text.indexOf('*/', at + 2)
    return close < 0 ? text.length : close + 2
  }
  if (text[at] === '"') return findStringEnd(text, at)
  return at + 1
}

/** A string literal ends at its closing quote, or, unclosed, at the end of the line. */
function findStringEnd(text: string, at: number): number {
  for (let end = at + 1; end < text.length; end++) {
    if (text[end] === '\n') return end
    if (text[end] === '"') return end + 1
    if (text[end] === '\\') end++
  }
  return text.length
}

function findEnd(text: string, stop: string, at: number): number {
  const end = text.indexOf(stop, at)
  return end < 0 ? text.length : end
}

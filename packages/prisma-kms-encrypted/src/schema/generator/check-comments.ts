/**
 * Refuses annotations in comments that Prisma drops, which the DMMF therefore cannot show: `// @encrypted` with two
 * slashes, and documentation that belongs to no field, such as that of a block attribute or at the end of a model.
 */
import { findMention } from '../annotation-names.js'
import { parseAnnotations } from '../annotations.js'
import type { Problems } from './problems.js'
import { type SchemaComment, type SchemaLine, splitSchema } from './schema-text.js'

/** Place of what stands outside every block. */
const outside = 'schema'

/** Adds a problem for each annotation in `datamodel`, the text of the schema, that has no effect. */
export function checkComments(datamodel: string, problems: Problems): void {
  let block: string | null = null
  /** Documentation on lines of its own, waiting for the element that it belongs to. */
  let waiting: readonly SchemaComment[] = []
  const drop = (comments: readonly SchemaComment[]) => {
    for (const comment of comments) refuseLost(comment, block ?? outside, problems)
  }
  for (const line of splitSchema(datamodel)) {
    const documentation = line.comments.filter((comment) => comment.kind === 'doc')
    refusePlain(line, block ?? outside, problems)
    if (line.code === '') {
      // Outside a block, a blank line detaches documentation from what follows.
      const detached = block === null && line.comments.length === 0
      if (detached) drop(waiting)
      waiting = detached ? [] : [...waiting, ...documentation]
    } else if (line.code.startsWith('}')) {
      drop(waiting)
      block = null
      // Prisma gives documentation after the brace to the next element.
      waiting = documentation
    } else if (block === null) {
      block = line.code.split(/\s+/)[1] ?? outside
      drop(documentation)
      waiting = []
    } else {
      if (line.code.startsWith('@@')) drop([...waiting, ...documentation])
      waiting = []
    }
  }
  drop(waiting)
}

function refuseLost(comment: SchemaComment, place: string, problems: Problems): void {
  const annotations = problems.attempt(() => parseAnnotations(comment.text, place)) ?? []
  for (const annotation of annotations) {
    problems.add({
      place,
      found: `@${annotation.kind} in a comment that belongs to no field`,
      why: 'Prisma drops comments before and on block attributes (@@index), at the end of a block, and between blocks.',
      fix: 'Move the comment right above its field, or to the end of the line of its field.',
      code: 'INVALID_SCHEMA_COMMENT',
    })
  }
}

/** After code, any of our names is a mistake; on a line of its own only at the beginning: the rest is commented-out code. */
function refusePlain(line: SchemaLine, block: string, problems: Problems): void {
  const [field = ''] = line.code.split(/\s+/)
  for (const comment of line.comments) {
    if (comment.kind !== 'plain') continue
    const [first = ''] = comment.text.trim().split(/\s+/)
    const name = findMention(field === '' ? first : comment.text)
    if (name === null) continue
    problems.add({
      place: field === '' ? block : `${block}.${field}`,
      found: `@${name} in a comment that begins with two slashes`,
      why: 'Prisma drops such comments, so the annotation would have no effect.',
      fix: `Write \`/// @${name}\` with three slashes, or remove it.`,
      code: 'INVALID_SCHEMA_COMMENT',
    })
  }
}

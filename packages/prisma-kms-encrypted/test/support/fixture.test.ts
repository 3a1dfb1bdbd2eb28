import { readFileSync } from 'node:fs'

/** The models of a schema file as `model → lines`, without comments, alignment and what names differ in. */
function readModels(file: string): Map<string, string[]> {
  const text = readFileSync(new URL(`../../../../prisma/schema/${file}`, import.meta.url), 'utf8')
  return new Map(
    [...text.matchAll(/^model (\w+) \{\n([^}]*)\}/gm)].map(([, name, body]) => [
      String(name),
      String(body)
        .split('\n')
        .filter((line) => !line.includes('@kmsKey'))
        .map((line) =>
          line
            .replace(/\/\/.*/, '')
            .replaceAll(/\s+/g, ' ')
            .trim(),
        ),
    ]),
  )
}

test('every model has an unencrypted twin of the same shape', () => {
  const models = readModels('encrypted.prisma')
  const twins = readModels('plain.prisma')
  const toTwin = (line: string) =>
    line
      .replace(/^(\w+ )([A-Z]\w*)/, (all, field: string, type: string) =>
        models.has(type) ? `${field}Plain${type}` : all,
      )
      .replace('@@map("', '@@map("plain_')
      .replace(/@relation\("(\w)/, (_, letter: string) => `@relation("plain${letter.toUpperCase()}`)

  expect([...twins.keys()]).toEqual([...models.keys()].map((name) => `Plain${name}`))
  for (const [name, lines] of models)
    expect([name, twins.get(`Plain${name}`)]).toEqual([name, lines.map(toTwin)])
})

/**
 * Turns the fixture schema, written for PostgreSQL, into the same models for other databases, with the SQL of their
 * tables: `test/generated/<database>/{schema.prisma,migration.sql}`. Nothing of it is committed.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { writeMigrationSql } from './schema-engine.mjs'
import { readSchema, root } from './schemas.mjs'

const source = join(root, 'prisma/schema')
const target = join(root, 'packages/prisma-kms-encrypted/test/generated')

/** The other databases that the fixture exists for. */
export const otherDatabases = ['mysql', 'sqlite']

/** Longest `VarChar` of four-byte characters that InnoDB can index (3072 bytes). */
const longestIndexed = '@db.VarChar(768)'

/**
 * Writes the derived schemas where they changed.
 *
 * @returns {Promise<string[]>} their paths
 */
export async function writeDatabaseFixtures() {
  const files = readSchema(source)
  const paths = []
  for (const database of otherDatabases) {
    const path = join(target, database, 'schema.prisma')
    const content = deriveSchema(files.map((file) => file.content).join('\n'), database)
    paths.push(path)
    const migration = join(target, database, 'migration.sql')
    if (existsSync(migration) && existsSync(path) && readFileSync(path, 'utf8') === content) continue
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(migration, await writeTables(content, database))
    writeFileSync(path, content)
  }
  return paths
}

function writeTables(content, database) {
  return database === 'mysql'
    ? writeMysqlTables(content)
    : writeMigrationSql([{ path: 'schema.prisma', content }], database)
}

/** The tables as PostgreSQL would have them, in MySQL's words: the schema engine's build for WebAssembly knows no MySQL. */
async function writeMysqlTables(schema) {
  const content = schema
    .replace('provider = "mysql"', 'provider = "postgresql"')
    // What is plain `String` in MySQL has the same type here, so that it can be told from text without limit.
    .replaceAll(/^( {2}\w+ +String\??(?:(?!\/\/\/| @db\.).)*?)( *\/\/\/.*)?$/gm, '$1 @db.VarChar(191)$2')
  const sql = await writeMigrationSql([{ path: 'schema.prisma', content }], 'postgresql')
  const enums = [...sql.matchAll(/^CREATE TYPE "(\w+)" AS ENUM (\(.*\));$/gm)]
  const tables = sql.replaceAll(/^CREATE (TYPE|SCHEMA) .*$/gm, '')
  return enums
    .reduce((text, [, name, values]) => text.replaceAll(` "${name}" `, ` ENUM${values} `), tables)
    .replaceAll(/ SERIAL NOT NULL/g, ' INTEGER NOT NULL AUTO_INCREMENT')
    .replaceAll(/ BIGSERIAL NOT NULL/g, ' BIGINT NOT NULL AUTO_INCREMENT')
    .replaceAll(' JSONB', ' JSON')
    .replaceAll(' BYTEA', ' LONGBLOB')
    .replaceAll(' TIMESTAMP(3)', ' DATETIME(3)')
    .replaceAll(' CURRENT_TIMESTAMP', ' CURRENT_TIMESTAMP(3)')
    .replaceAll(/^\);$/gm, ') DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;')
    .replaceAll('"', '`')
}

function deriveSchema(text, database) {
  const portable = text
    .replaceAll(/\n\n {2}@@schema\("\w+"\)\n/g, '\n')
    .replaceAll(/\n {2}@@schema\("\w+"\)/g, '')
    .replace(/\n {2}schemas += .*/, '')
    .replace('provider = "postgresql"', `provider = "${database}"`)
    .replaceAll(/output( +)= ".*\/test\/generated\//g, 'output$1= "./')
  if (/@@schema|schemas +=/.test(portable))
    throw new Error('the fixture schema has a form that is not known here')
  const withoutUuid = portable.replaceAll(' @db.Uuid', '')
  if (database === 'mysql') return widenText(withoutUuid)
  // SQLite counts only `Int` ids by itself.
  return withoutUuid.replaceAll(/ @db\.\w+(\(\d+\))?/g, '').replaceAll(/\bBigInt\b/g, 'Int')
}

/**
 * MySQL's default for `String` has 191 characters, too few for ciphertext. The twins get the same types, so that both
 * hold the same values.
 */
function widenText(schema) {
  const model = /^model (\w+) \{\n[^}]*\}/gm
  const encrypted = new Map()
  for (const [body, name] of schema.matchAll(model)) encrypted.set(name, wideFields(body))
  return schema.replace(model, (body, name) => {
    const types = encrypted.get(name.replace(/^Plain/, ''))
    return body.replace(
      /^( {2}(\w+) +String\??)((?:(?!\/\/\/| @db\.).)*)(.*)$/gm,
      (line, head, field, attributes, rest) =>
        types?.has(field) && !rest.startsWith(' @db.')
          ? `${head}${attributes.trimEnd()} ${types.get(field)} ${rest}`.trimEnd()
          : line,
    )
  })
}

/** Text fields with a key or ciphertext, and the type that holds it. */
function wideFields(body) {
  const compounds = [...body.matchAll(/@@unique\(\[([^\]]*)\]/g)].flatMap(([, list]) => list.split(', '))
  const fields = [...body.matchAll(/^ {2}(\w+) +String\??(.*)\/\/\/ @(encrypted|kmsKey)/gm)]
  return new Map(
    fields.map(([, name, attributes]) => [
      name,
      attributes.includes('@unique') || compounds.includes(name) ? longestIndexed : '@db.Text',
    ]),
  )
}

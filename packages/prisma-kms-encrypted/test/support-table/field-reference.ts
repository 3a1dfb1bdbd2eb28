/** References to fields, such as `prisma.user.fields.email`, for either side. */
import { createClient } from '../support/client.js'

const references = createClient({ url: 'postgresql://nobody@127.0.0.1:1/none' }).prisma as unknown as Record<
  string,
  { readonly fields: Readonly<Record<string, object>> }
>

/** A reference to a field of an encrypted model; Prisma compares the model's name, so twins need {@link twinArguments}. */
export function fieldReference(model: string, field: string): object {
  const reference = references[model.slice(0, 1).toLowerCase() + model.slice(1)]?.fields[field]
  if (!reference) throw new Error(`${model} has no field ${field}`)
  return reference
}

/** The same arguments with references to the twin's fields. */
export function twinArguments<T>(value: T): T {
  if (Array.isArray(value)) return value.map((item: unknown) => twinArguments(item)) as T
  if (typeof value !== 'object' || value === null) return value
  const { modelName, name, typeName } = value as { modelName?: unknown; name?: unknown; typeName?: unknown }
  if (typeof modelName === 'string' && typeof name === 'string' && typeof typeName === 'string')
    return references[`plain${modelName}`]?.fields[name] as T
  if (Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, twinArguments(inner) as unknown]),
  ) as T
}

/** Values of fields with a blind index, and what the twin's own index columns hold for them. */
import type { IndexedKind } from './fixture-models.js'

/** The names of the index columns, as in the fixture schema. */
export const indexColumns: Readonly<Record<IndexedKind, string>> = {
  email: 'emailBidx',
  phone: 'phoneBidx',
  city: 'cityBidx',
  taxId: 'taxIdBidx',
  badge: 'badgeBidx',
}

const kinds = new Set(Object.keys(indexColumns))

export function isIndexedKind(kind: string): kind is IndexedKind {
  return kinds.has(kind)
}

/**
 * A value of a style. Emails and badges are new each time, as they are unique; the others come from a small pool, in
 * several spellings that their index does not tell apart.
 * @param canary new for each value; `token` is the part of it that the whole sequence shares
 */
export function indexedValue(kind: IndexedKind, style: number, canary: string, token: string): string {
  const of = style % 3
  switch (kind) {
    case 'email':
      return spelled(kind, `${canary}@example.com`, style)
    case 'badge':
      return canary
    case 'phone':
      return spelled(kind, `${token} +49 170 ${of}`, style >> 2)
    case 'city':
      return spelled(kind, `${token} zürich ${of}`, style >> 2)
    case 'taxId':
      return `${token} TAX ${of}`
  }
}

/** Another spelling of a value, with the same index. */
export function spelled(kind: IndexedKind, value: string, style: number): string {
  const plain = style % 3 === 0
  if (plain || kind === 'taxId' || kind === 'badge') return value
  switch (kind) {
    case 'email':
      return style % 3 === 1
        ? `  ${value.toUpperCase()}\t`
        : `${value.slice(0, 1).toUpperCase()}${value.slice(1)}`
    case 'phone':
      return style % 3 === 1 ? `tel: ${value.replaceAll(' ', '-')}` : `(${value})`
    case 'city':
      return style % 3 === 1 ? value.toUpperCase() : value.normalize('NFD')
  }
}

/** What decides whether two values have the same index: the schema's `normalize` steps, written down once more. */
export function normalForm(kind: IndexedKind, value: unknown): unknown {
  if (typeof value !== 'string') return value
  switch (kind) {
    case 'email':
      return value.trim().toLowerCase()
    case 'phone':
      return value.replace(/[^0-9]/g, '')
    case 'city':
      return value.normalize('NFKC').toLowerCase().normalize('NFD').replace(/\p{M}/gu, '').normalize('NFC')
    case 'taxId':
    case 'badge':
      return value
  }
}

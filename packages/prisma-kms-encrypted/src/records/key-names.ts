/** Turns a stored key and the record it stands in into the name by which the opened key is remembered. */
import type { KeyEntry } from '../envelope/key-column.js'
import { contextText, type RecordIdentity } from './context.js'
import type { KeyGroup } from './models.js'

/** The record, and the group of its fields, that a data key belongs to. */
export interface KeyOwner {
  readonly group: KeyGroup
  readonly identity: RecordIdentity
}

/**
 * Names a data key by all that unwrapping it would depend on: key name, version, context and wrapped form. No part can run
 * into the next: names of keys hold no NUL, and the text of an entry, which stands last, only base64.
 * @param text the entry as its column spells it, without label
 * @throws KmsEncryptedError `INVALID_CONTEXT`
 */
export function nameOfKey({ group, identity }: KeyOwner, version: number, text: string): string {
  const { config, contextModel } = group
  const { id } = identity
  // Default contexts of one key differ by the model and the id alone.
  const isDefault = id !== null && !config.versions.get(version)?.context
  const bound = isDefault ? `${contextModel}\0${id}` : contextText(group, version, identity)
  return `${config.name}\0${bound}\0${text}`
}

/**
 * Without row binding several records may share one wrapped key; each of them leaves its own trace in the audit, so each
 * has its name besides.
 */
export function nameForRecord({ group, identity }: KeyOwner, name: string): string {
  return group.config.rowBinding ? name : `${name}\0${group.model.name}\0${identity.id}`
}

/** An entry as its column spells it, without label. */
export function entryText({ version, ciphertext }: KeyEntry): string {
  return `v${version}:${ciphertext.toString('base64')}`
}

/** The version that a lone entry names; `NaN` when the text is none. */
export function versionIn(text: string): number {
  return Number(text.slice(1, text.indexOf(':')))
}

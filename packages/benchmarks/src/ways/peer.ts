/** prisma-field-encryption: one key for all records, no key service. */
import { readFile } from 'node:fs/promises'
import internals from '@prisma/internals'
import { fieldEncryptionExtension } from 'prisma-field-encryption'
import { encryptedFields } from '../people.js'
import type { PlainClient } from '../stage.js'

/** Extends a client; Prisma 7's own metadata has no comments any more, so the extension gets the full DMMF. */
export async function extendWithPeer(client: PlainClient): Promise<PlainClient> {
  const schema = await readFile(new URL('../../prisma/schema.prisma', import.meta.url), 'utf8')
  const dmmf = await internals.getDMMF({ datamodel: annotate(schema) })
  const extension = fieldEncryptionExtension({
    encryptionKey: `k1.aesgcm256.${Buffer.alloc(32, 3).toString('base64url')}=`,
    // It checks the form itself; its types are those of an earlier Prisma.
    dmmf: dmmf,
  })
  return client.$extends(extension as never) as unknown as PlainClient // it changes no types
}

/** Its annotation on the fields of its own model, and none on ours: it would take them for its own. */
function annotate(schema: string): string {
  return schema
    .replaceAll(/ *\/\/\/.*/g, '')
    .replace(/model PeerPerson \{[^}]*\}/, (model) =>
      encryptedFields.reduce(
        (text, field) => text.replace(RegExp(`^( +${field} .*)$`, 'm'), '$1 /// @encrypted'),
        model,
      ),
    )
}

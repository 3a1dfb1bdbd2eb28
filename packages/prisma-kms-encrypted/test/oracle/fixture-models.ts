/** The fixture's models as the oracle's grammar sees them: what to write, what to compare, how the twins are called. */

/** How a value of an encrypted field is made. `short` fits into `Profile.headline`. */
export type SecretKind = 'string' | 'short' | 'json' | 'bytes' | IndexedKind

/** Values of fields with a blind index, named after the fields of Account. */
export type IndexedKind = 'email' | 'phone' | 'city' | 'taxId' | 'badge'

/** A relation as seen from one model. */
export interface FixtureRelation {
  readonly model: ModelName
  /** The same relation as seen from the other model. */
  readonly inverse: string
  readonly kind: 'toOne' | 'reverseOne' | 'many' | 'manyToMany'
  /** The foreign key: of this model for `toOne`, of the other one for `reverseOne` and `many`. */
  readonly foreignKey?: string
  /** Whether the record that holds the foreign key needs it. */
  readonly required: boolean
}

/** One encrypted model, or a plain one that relates to them; its twin has the same shape. */
export interface FixtureModel {
  readonly table: string
  readonly twinTable: string
  readonly schema: string
  /** Names of columns that differ from their fields. */
  readonly columns: Readonly<Record<string, string>>
  readonly id: 'Int' | 'BigInt' | 'Uuid' | 'Compound'
  /** The plain field that every new record fills with a value of its own, so that a row and its twin are paired. */
  readonly marker: string
  readonly markerType: 'text' | 'int'
  readonly secrets: Readonly<Record<string, { readonly kind: SecretKind; readonly required: boolean }>>
  /** Plain fields beside the marker, all optional to write. */
  readonly plain: Readonly<Record<string, 'text' | 'uniqueText' | 'int' | 'boolean' | 'role' | 'date'>>
  readonly relations: Readonly<Record<string, FixtureRelation>>
  readonly keyColumns: readonly string[]
  /** Unique fields beside the id. */
  readonly uniques: readonly string[]
  /** Encrypted fields that are unique through their index; `orgId_taxId` is a compound. */
  readonly indexedUniques?: readonly string[]
}

export type ModelName =
  'Org' | 'Tag' | 'User' | 'Profile' | 'Post' | 'Comment' | 'Device' | 'Membership' | 'AuditEntry' | 'Account'

const optional = (kind: SecretKind) => ({ kind, required: false })
const required = (kind: SecretKind) => ({ kind, required: true })
const toOne = (
  model: ModelName,
  inverse: string,
  foreignKey: string,
  isRequired: boolean,
): FixtureRelation => ({
  model,
  inverse,
  kind: 'toOne',
  foreignKey,
  required: isRequired,
})
const many = (
  model: ModelName,
  inverse: string,
  foreignKey: string,
  isRequired: boolean,
): FixtureRelation => ({
  ...toOne(model, inverse, foreignKey, isRequired),
  kind: 'many',
})

export const fixtureModels: Readonly<Record<ModelName, FixtureModel>> = {
  Org: {
    table: 'Org',
    twinTable: 'PlainOrg',
    schema: 'public',
    columns: {},
    id: 'Int',
    marker: 'name',
    markerType: 'text',
    secrets: {},
    plain: {},
    relations: {
      users: many('User', 'org', 'orgId', false),
      members: many('Membership', 'org', 'orgId', true),
      accounts: many('Account', 'org', 'orgId', false),
    },
    keyColumns: [],
    uniques: [],
  },
  Tag: {
    table: 'Tag',
    twinTable: 'PlainTag',
    schema: 'public',
    columns: {},
    id: 'Int',
    marker: 'label',
    markerType: 'text',
    secrets: {},
    plain: {},
    relations: { posts: { model: 'Post', inverse: 'tags', kind: 'manyToMany', required: false } },
    keyColumns: [],
    uniques: ['label'],
  },
  User: {
    table: 'User',
    twinTable: 'PlainUser',
    schema: 'public',
    columns: {},
    id: 'Int',
    marker: 'nickname',
    markerType: 'text',
    secrets: {
      email: optional('string'),
      name: required('string'),
      notes: optional('json'),
      avatar: optional('bytes'),
      phone: optional('string'),
    },
    plain: { handle: 'uniqueText', role: 'role', loginCount: 'int', createdAt: 'date', updatedAt: 'date' },
    relations: {
      org: toOne('Org', 'users', 'orgId', false),
      profile: {
        model: 'Profile',
        inverse: 'user',
        kind: 'reverseOne',
        foreignKey: 'userId',
        required: true,
      },
      posts: many('Post', 'author', 'authorId', true),
      editedPosts: many('Post', 'editor', 'editorId', false),
      devices: many('Device', 'owner', 'ownerId', true),
      auditEntries: many('AuditEntry', 'actor', 'actorId', false),
      accounts: many('Account', 'owner', 'ownerId', false),
    },
    keyColumns: ['encryptedKmsKey', 'encryptedKmsKeyPhone'],
    uniques: ['handle'],
  },
  Profile: {
    table: 'Profile',
    twinTable: 'PlainProfile',
    schema: 'public',
    columns: {},
    id: 'Uuid',
    marker: 'website',
    markerType: 'text',
    secrets: { bio: required('string'), headline: optional('short') },
    plain: {},
    relations: { user: toOne('User', 'profile', 'userId', true) },
    keyColumns: ['encryptedKmsKey'],
    uniques: ['userId'],
  },
  Post: {
    table: 'Post',
    twinTable: 'PlainPost',
    schema: 'public',
    columns: {},
    id: 'Int',
    marker: 'title',
    markerType: 'text',
    secrets: { body: optional('string') },
    plain: { published: 'boolean' },
    relations: {
      author: toOne('User', 'posts', 'authorId', true),
      editor: toOne('User', 'editedPosts', 'editorId', false),
      tags: { model: 'Tag', inverse: 'posts', kind: 'manyToMany', required: false },
      comments: many('Comment', 'post', 'postId', true),
    },
    keyColumns: ['encryptedKmsKey'],
    uniques: [],
  },
  Comment: {
    table: 'comments',
    twinTable: 'plain_comments',
    schema: 'public',
    columns: { text: 'comment_text', postId: 'post_id', parentId: 'parent_id' },
    id: 'BigInt',
    marker: 'likes',
    markerType: 'int',
    secrets: { text: required('string') },
    plain: {},
    relations: {
      post: toOne('Post', 'comments', 'postId', true),
      parent: toOne('Comment', 'replies', 'parentId', false),
      replies: many('Comment', 'parent', 'parentId', false),
    },
    keyColumns: ['encryptedKmsKey'],
    uniques: [],
  },
  Device: {
    table: 'Device',
    twinTable: 'PlainDevice',
    schema: 'public',
    columns: {},
    id: 'Uuid',
    marker: 'label',
    markerType: 'text',
    secrets: { token: required('bytes') },
    plain: {},
    relations: { owner: toOne('User', 'devices', 'ownerId', true) },
    keyColumns: ['encryptedKmsKey'],
    uniques: [],
  },
  Membership: {
    table: 'Membership',
    twinTable: 'PlainMembership',
    schema: 'public',
    columns: {},
    id: 'Compound',
    marker: 'userNo',
    markerType: 'int',
    secrets: { secret: optional('string') },
    plain: { level: 'text' },
    relations: { org: toOne('Org', 'members', 'orgId', true) },
    keyColumns: ['encryptedKmsKey'],
    uniques: [],
  },
  AuditEntry: {
    table: 'audit_entries',
    twinTable: 'plain_audit_entries',
    schema: 'audit',
    columns: {
      id: 'entry_id',
      action: 'action_name',
      detail: 'detail_text',
      payload: 'payload_json',
      at: 'happened_at',
      actorId: 'actor_id',
    },
    id: 'Int',
    marker: 'action',
    markerType: 'text',
    secrets: { detail: optional('string'), payload: optional('json') },
    plain: { at: 'date' },
    relations: { actor: toOne('User', 'auditEntries', 'actorId', false) },
    keyColumns: ['encryptedKmsKey'],
    uniques: [],
  },
  Account: {
    table: 'Account',
    twinTable: 'PlainAccount',
    schema: 'public',
    columns: {},
    id: 'Int',
    marker: 'label',
    markerType: 'text',
    secrets: {
      email: optional('email'),
      phone: optional('phone'),
      city: optional('city'),
      taxId: optional('taxId'),
      badge: optional('badge'),
    },
    plain: { updatedAt: 'date' },
    relations: {
      org: toOne('Org', 'accounts', 'orgId', false),
      owner: toOne('User', 'accounts', 'ownerId', false),
      referrer: toOne('Account', 'referrals', 'referrerId', false),
      referrals: many('Account', 'referrer', 'referrerId', false),
    },
    keyColumns: ['encryptedKmsKey'],
    uniques: [],
    indexedUniques: ['email', 'badge', 'orgId_taxId'],
  },
}

/** All models, parents before their children. */
export const modelNames = Object.keys(fixtureModels) as readonly ModelName[]

/** The foreign keys of a model, and what they refer to. */
export function foreignKeysOf(
  model: ModelName,
): readonly { field: string; relation: string; target: ModelName }[] {
  return Object.entries(fixtureModels[model].relations).flatMap(
    ([relation, { kind, foreignKey, model: target }]) =>
      kind === 'toOne' && foreignKey !== undefined ? [{ field: foreignKey, relation, target }] : [],
  )
}

/** A few records of most models to start from, so that the first operations of a sequence find something. */
import type { CallDescription, IdPlaceholder, StepDescription } from './descriptions.js'
import type { ModelName } from './fixture-models.js'

const id = (model: ModelName, index: number): IdPlaceholder => ({ $id: model, index })
const text = { $fresh: 'text' } as const
const string = { $secret: 'string', style: 0 } as const
const user = (more: object): CallDescription => ({
  model: 'User',
  operation: 'create',
  args: { data: { nickname: text, handle: text, name: string, ...more } },
})
const calls: CallDescription[] = [
  { model: 'Org', operation: 'create', args: { data: { name: text } } },
  { model: 'Tag', operation: 'create', args: { data: { label: text } } },
  user({
    email: string,
    phone: string,
    orgId: id('Org', 0),
    profile: { create: { website: text, bio: string } },
  }),
  user({
    notes: { $secret: 'json', style: 3 },
    devices: { create: { label: text, token: { $secret: 'bytes', style: 0 } } },
  }),
  {
    model: 'Account',
    operation: 'create',
    args: {
      data: {
        label: text,
        email: { $secret: 'email', style: 0 },
        phone: { $secret: 'phone', style: 0 },
        city: { $secret: 'city', style: 0 },
        taxId: { $secret: 'taxId', style: 0 },
        orgId: id('Org', 0),
        ownerId: id('User', 0),
      },
    },
  },
  {
    model: 'Post',
    operation: 'create',
    args: {
      data: {
        title: text,
        body: string,
        authorId: id('User', 0),
        comments: { create: { likes: { $fresh: 'int' }, text: string } },
      },
    },
  },
]
/** The steps that make them. */
export const firstRows: readonly StepDescription[] = calls.map((one) => ({ step: 'call', call: one }))

/** The values that the benchmarks store: always the same, of the lengths that such fields have. */

/** One person's values. */
export interface PersonValues {
  readonly city: string
  readonly name: string
  readonly email: string
  readonly address: string
}

/** The fields that are encrypted. */
export const encryptedFields = ['name', 'email', 'address'] as const

/** The person of a number; the text is not all ASCII. */
export function personOf(number: number): PersonValues {
  return {
    city: `city ${number % 97}`,
    name: `Zoë Müller-Lüdenscheidt ${number}`,
    email: `zoe.mueller-${number}@example.com`,
    address: `${number} Straße des 17. Juni, 10785 Berlin, Deutschland, 3. Etage`,
  }
}

/** The first `count` persons. */
export function people(count: number): PersonValues[] {
  return Array.from({ length: count }, (_, index) => personOf(index + 1))
}

/** Ends what `global-setup.mjs` started, whether the tests passed or not. */
export default async function tearDown() {
  await globalThis.stopTestDatabase?.()
}

/** Builds the form of some options when they are first checked, not when the package is imported. */

/**
 * Remembers what `build` makes on its first use. Building all forms takes longer than evaluating the rest of the package,
 * and a program checks the options of what it uses only.
 */
export function lazySchema<Schema>(build: () => Schema): () => Schema {
  let built: { readonly schema: Schema } | undefined
  return () => (built ??= { schema: build() }).schema
}

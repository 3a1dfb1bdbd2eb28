import eslint from '@eslint/js'
import tseslint from 'typescript-eslint'

const nodeGlobals = Object.fromEntries(
  ['Buffer', 'URL', 'WebAssembly', 'console', 'fetch', 'process', 'require', 'setTimeout'].map((name) => [
    name,
    'readonly',
  ]),
)

export default tseslint.config(
  { ignores: ['**/dist/', '**/build/', '**/generated/', '**/node_modules/', 'coverage/'] },
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  {
    // Published is only what is used of zod, and its settings belong to the application.
    files: ['packages/prisma-kms-encrypted/src/**/*.ts'],
    ignores: ['**/src/lazy-schema.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        ...['safeParse', 'parse'].map((property) => ({
          property,
          allowObjects: ['JSON', 'Date'],
          message: 'Use checkForm(), which has words for what is wrong.',
        })),
        { object: 'z', property: 'config', message: 'It would change the settings of the application.' },
      ],
      'no-restricted-imports': [
        'error',
        { paths: [{ name: 'zod', message: 'Use zod/mini: of zod everything would be published.' }] },
      ],
    },
  },
  {
    // Tests hand in what types forbid, and look at rows, errors and JSON of no declared type.
    files: ['packages/*/test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-base-to-string': 'off',
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-unnecessary-type-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      'no-loss-of-precision': 'off',
    },
  },
  {
    // Compiled, never run: their values exist for their types.
    files: ['packages/*/test/**/*.test-d.ts'],
    rules: {
      '@typescript-eslint/ban-ts-comment': 'off',
      '@typescript-eslint/no-meaningless-void-operator': 'off',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/no-unused-vars': 'off',
    },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    languageOptions: { globals: { ...nodeGlobals, module: 'writable' } },
  },
)
